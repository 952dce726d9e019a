"""Labels in a run.yaml: how they are given, and names that no text of the run has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.settings.paths import FastTextModel, paths_in

LABELS = {"topic": {"model": "topic.bin", "min_probability": 0.4}, "format": {"field": "metadata.format"}}


def run_of(folder: Path, labels: Any = None, *, when: Any = None, of_texts: Any = None, component: Any = None, **more: Any) -> Run:
    config = {
        "output": "out",
        "input": {"paths": "pages.jsonl", "labels": LABELS if labels is None else labels},
        "tokenizer": "tokenizer.json",
        "engine": {"kind": "echo"},
        "recipes": [{"use": "wrap/easy", **({"when": {"labels": when}} if when else {})}],
        "filter": {"labels": of_texts or {}},
        "mix": {"components": [{"origin": "original", "share": 0.5}, {"origin": "synthetic", "share": 0.5, **(component or {})}]},
        **more,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return load_run(str(path))


def test_fields_are_read_and_models_are_known_to_executors(tmp_path: Path) -> None:
    run = run_of(tmp_path, of_texts={"register": {"model": "register.bin"}}, when={"topic": "Science*", "format": ["FAQs", "Listicle"]})
    assert run.input is not None
    assert run.input.fields.also == ["metadata.format"]
    assert paths_in(run, FastTextModel) == [str(tmp_path / "topic.bin"), str(tmp_path / "register.bin")]
    assert Run.model_validate(run.model_dump(mode="json")).model_dump() == run.model_dump()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"source": {"field": "x"}}}, r"`input\.labels\.source`: `source` is no name for a label"),
        ({"labels": {"a topic": {"field": "x"}}}, "`a topic` is no name for a label"),
        ({"of_texts": {"recipe": {"model": "x.bin"}}}, r"`filter\.labels\.recipe`: `recipe` is no name for a label"),
        ({"labels": {"topic": {}}}, "by a `model`, an `encoder` or a `field`, and there is neither"),
        ({"labels": {"topic": {"model": "x.bin", "field": "x"}}}, "and there are both"),
        ({"labels": {"topic": {"field": "x", "min_probability": 0.5}}}, r"min_probability`: a field has no probability"),
        ({"labels": {"topic": {"model": "x.bin", "min_probability": 2}}}, "min_probability"),
        ({"when": {"topics": "Science*"}}, r"`recipes\.0\.when\.labels\.topics`: .*no label `topics` .did you mean `topic`"),
        ({"when": {"register": "x"}, "of_texts": {"register": {"model": "x.bin"}}}, "add it to input.labels"),
        ({"component": {"labels": {"formats": "FAQs"}}}, r"`mix\.components\.1\.labels\.formats`: .*did you mean `format`"),
        ({"component": {"split_by": "sources"}}, r"`mix\.components\.1\.split_by`: .*did you mean `source`"),
        ({"component": {"split_by": "zzz"}}, r"no label `zzz` .there are: source, topic, format; or add it to input\.labels or filter"),
        ({"labels": {}, "component": {"labels": {"topic": "x"}}}, r"no label `topic` .add it to input\.labels or filter\.labels"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_of(tmp_path, **changes)


def test_rewrites_may_have_labels_that_originals_do_not_have(tmp_path: Path) -> None:
    own = {"register": {"model": "register.bin"}}
    assert run_of(tmp_path, of_texts=own, component={"labels": {"register": "formal"}, "split_by": "register"})
    components = [{"origin": "original", "share": 0.5, "labels": {"register": "formal"}}, {"origin": "synthetic", "share": 0.5}]
    with pytest.raises(UserError, match=r"`mix\.components\.0\.labels\.register`: .*input\.labels"):
        run_of(tmp_path, of_texts=own, mix={"components": components})


def test_of_documents_that_no_input_makes_nobody_knows_the_labels(tmp_path: Path) -> None:
    assert run_of(tmp_path, component={"split_by": "topics"}, input=None, recipes=["tinystories/story"])
