"""`rephrase filter --dry-run` moves thresholds alone: what would have given other scores is refused, for the reason that it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pyarrow as pa
import pytest

from classifiers.cascade import build_cascade
from rephrase import storage
from rephrase.cli.dry_run import dry_run
from rephrase.config.run import Run
from rephrase.errors import UserError
from rephrase.notes import JudgedNote
from rephrase.records import JUDGED
from rephrase.settings.validation import validate
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.storage import tables


@pytest.fixture
def model(quality, tmp_path: Path) -> str:
    for extension in (".bin", ".json"):
        shutil.copy(quality.model.removesuffix(".bin") + extension, tmp_path / f"model{extension}")
    return str(tmp_path / "model.bin")


def judged_by(output: Path, *checks: object) -> None:
    """A table of one row, as the filter stage leaves it when these checks have run."""
    run = run_with(output, *checks)
    claim(Tables.JUDGED.folder(run.output), Tables.JUDGED, Meaning({"checks": build_cascade(run.filter).describe()}))
    row = {
        "id": "1",
        "recipe": "wrap/easy",
        "step": "rewrite",
        "document_id": "d",
        "verdict": "keep",
        "scores": [("edu", 0.9)],
        "n_tokens": 7,
    }
    tables.commit(storage.join(run.output, "judged", "part.parquet"), pa.Table.from_pylist([row], schema=JUDGED), JudgedNote(judged=1))


def run_with(output: Path, *checks: object) -> Run:
    base = {"output": str(output), "tokenizer": "t", "engine": {"kind": "echo"}, "recipes": ["wrap/easy"]}
    run: Run = validate(Run, {**base, "filter": {"checks": list(checks)}}, "test")
    return run


def change(model: str) -> None:
    """Train the model again on other data, as its card tells it."""
    card = Path(model).with_suffix(".json")
    card.write_bytes(orjson.dumps(orjson.loads(card.read_bytes()) | {"digest": "of other data"}))


def test_another_threshold_is_applied(model, tmp_path, capsys):
    judged_by(tmp_path / "out", {"edu": {"use": "quality", "model": model, "min": 0.5}})
    dry_run(run_with(tmp_path / "out", {"edu": {"use": "quality", "model": model, "min": 0.95}}))
    assert "kept: 0 rows, 0 tokens (before: 1 row)" in capsys.readouterr().out


def test_a_model_that_changed_is_told_as_such(model, tmp_path):
    check = {"edu": {"use": "quality", "model": model, "min": 0.5}}
    judged_by(tmp_path / "out", check)
    change(model)
    with pytest.raises(UserError, match=r"filter\.checks\.edu: .* would give other scores: its model changed since the filter stage ran"):
        dry_run(run_with(tmp_path / "out", check))


def test_one_changed_model_of_several_is_noticed(model, tmp_path):
    check = {"edu": {"use": "ensemble", "models": [model, model], "of": "score", "min": 0.5}}
    judged_by(tmp_path / "out", check)
    change(model)
    with pytest.raises(UserError, match="its models changed since the filter stage ran"):
        dry_run(run_with(tmp_path / "out", check))


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"model": "{model}", "label": "__label__other", "min": 0.5}, "`edu` would give other scores: its label differs"),
        ({"use": "language", "model": "{model}"}, "it is `language` and was `quality`"),
    ],
)
def test_other_settings_are_told_by_name(after, reason, model, tmp_path):
    judged_by(tmp_path / "out", {"edu": {"use": "quality", "model": model, "min": 0.5}})
    with pytest.raises(UserError, match=reason):
        dry_run(run_with(tmp_path / "out", {"edu": {"use": "quality", **after, "model": model}}))


def test_a_check_that_did_not_run_left_no_scores(model, tmp_path):
    judged_by(tmp_path / "out", "finished")
    with pytest.raises(UserError, match="the check `parsed` did not run, and left no scores"):
        dry_run(run_with(tmp_path / "out", "finished", "parsed"))
