"""A plan beside trials of which parts are gone or foreign, and beside a run that is at work."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from rephrase.config.run import Limit, Run
from rephrase.errors import UserError
from rephrase.planning.figures import Plan
from rephrase.planning.forecast import forecast
from rephrase.spark.stages.trials import drawn, trial_named
from rephrase.storage import tables
from tests.rephrase.spark.older_run import copy_older_run


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run with all sections, in whose folder the test stands."""
    monkeypatch.chdir(tmp_path)
    return Run.model_validate(copy_older_run(tmp_path))


def told_by(plan: Plan) -> set[str]:
    return {line.how.rpartition("by ")[2] for line in plan.lines}


@pytest.mark.parametrize("name", ["limit-2", "pilot-3", "limit-0", "limit-02", "limit-\u00b2", "pilot-99999999999999999999", "foreign"])
def test_a_trial_that_lacks_its_documents_is_passed_over(finished: Run, name: str) -> None:
    shutil.copytree("finished/generations", f"finished/trials/{name}/generations")
    assert told_by(forecast(finished)) == {"the units done so far"}


@pytest.mark.parametrize("sample", ["", "[1]", "{}", "[]", '[{"size": 1}]', '[{"size": "many", "ids": []}]', '[{"size": 2, "ids": 3}]'])
def test_a_trial_whose_sample_is_damaged_is_passed_over(finished: Run, sample: str) -> None:
    trial = drawn(finished.model_copy(update={"limit": Limit(documents=2)}))
    shutil.copytree("finished/generations", f"{trial.output}/generations")
    assert told_by(forecast(finished)) == {"the trial limit-2"}
    Path(trial.output, "documents", "_sample.json").write_text(sample)
    assert told_by(forecast(finished)) == {"the units done so far"}


def test_only_names_that_a_limit_gives_are_trials(finished: Run) -> None:
    for limit in (Limit(documents=5), Limit(documents=7, seed=3), Limit(documents=9, stratified=True)):
        trial = trial_named(finished, limit.name)
        assert trial is not None
        assert trial.limit == limit
    assert [trial_named(finished, name) for name in ("limit-0", "limit-05", "limit-5-seed-1", "limit-", "limit-5-seed--1")] == [None] * 5


def test_a_note_that_means_nothing_is_named(finished: Run) -> None:
    trial = drawn(finished.model_copy(update={"limit": Limit(documents=2)}))
    note = Path(trial.output, "documents", "_stage.json")
    note.write_text('{"digest": "x", "meaning": []}')
    with pytest.raises(UserError, match=r"_stage\.json: not the file that a stage wrote"):
        drawn(finished.model_copy(update={"limit": Limit(documents=2)}))


def test_units_that_come_and_go_while_a_plan_is_made_end_nothing(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tables.objects

    def objects(folder: str) -> list[str]:
        gone = [f"{folder}/{uuid.uuid4()}.parquet"] if folder.endswith("/generations") else []
        return [*listing(folder), *gone]

    monkeypatch.setattr(tables, "objects", objects)
    assert told_by(forecast(finished)) == {"the units done so far"}
