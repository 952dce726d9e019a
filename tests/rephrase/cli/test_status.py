"""`rephrase status` and `summary`: every stage of the config tells of itself, without Spark."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rephrase.cli.status_table import print_status, watch
from rephrase.cli.summary_tables import print_summary
from rephrase.config.run import Run
from rephrase.live.figures import ExecutorFigures, StageFigures, Totals
from tests.rephrase.spark.older_run import ROOT, copy_older_run


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run with all sections, in whose folder the test stands."""
    monkeypatch.chdir(tmp_path)
    return Run.model_validate(copy_older_run(tmp_path))


def status_of(run: Run) -> dict[str, list[str]]:
    """What stands after the name of each stage: units, how long ago, and words."""
    print_status(run, console := Console(record=True, width=200))
    lines = [[cell.strip() for cell in line.strip("│").split("│")] for line in console.export_text().splitlines() if line.startswith("│")]
    return {name: [units, words] for name, units, _, words in lines}


def test_every_stage_of_the_config_has_a_line(finished: Run) -> None:
    status = status_of(finished)
    assert list(status) == ["shard", "screen", "dedup (documents)", "rewrite", "filter", "dedup", "mix"]
    assert status["dedup (documents)"] == ["1 of 1", "0 near duplicates among documents"]
    assert status["dedup"] == ["5 of 5", "0 near duplicates among generations"]
    assert status["screen"] == ["1 of 1", "4 of 4 kept"]
    assert status["filter"] == ["4 of 4", "28 of 28 kept"]
    assert status["rewrite"][0] == "4 of 4"
    assert status["mix"] == ["1 of 1", "2,692 of 2,692 tokens, complete"]
    assert list(status_of(finished.model_copy(update={"screen": None, "dedup": None}))) == ["shard", "rewrite", "filter", "mix"]


def test_a_stage_without_an_object_has_begun_or_not(finished: Run) -> None:
    for file in Path("finished/generations").glob("*.parquet"):
        file.unlink()
    shutil.rmtree("finished/judged")
    shutil.rmtree("finished/duplicates/judged")
    status = status_of(finished)
    assert [status[stage][0] for stage in ("rewrite", "filter", "dedup")] == ["begun", "not begun", "not begun"]


def test_objects_that_go_while_they_are_looked_at_end_no_status(finished: Run, monkeypatch) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError("judged/wrap.easy.rewrite-00000.parquet")

    monkeypatch.setattr("rephrase.spark.stages.declarations.filter.sum_of_notes", gone)
    assert status_of(finished)["filter"] == ["begun", "is being removed"]


def test_what_goes_wrong_while_one_looks_on_is_told_and_looked_at_again(finished: Run, capsys, monkeypatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        broken = Path("finished/judged/broken.parquet")
        broken.write_bytes(b"no table") if len(pauses) == 1 else broken.unlink()
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("rephrase.cli.status_table.time.sleep", pause)
    with pytest.raises((KeyboardInterrupt, FileNotFoundError)):
        watch(finished, 5.0, as_json=True)
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert "broken.parquet: not a readable Parquet file" in second["error"]
    assert first["stages"][0] == {**third["stages"][0], "seconds_since_last_unit": first["stages"][0]["seconds_since_last_unit"]}


def test_a_search_for_duplicates_that_has_not_ended_is_told_from_one_that_has(finished: Run) -> None:
    Path("finished/duplicates/judged/_clusters.json").unlink()
    assert status_of(finished)["dedup"] == ["0 of 5", ""]


def test_a_summary_has_the_figures_of_every_stage(finished: Run) -> None:
    print_summary(finished, console := Console(record=True, width=200))
    text = " ".join(console.export_text().replace("│", " ").split())
    for words in (
        "documents 4 1,368 tokens dropped: 0 too short, 0 too long, 0 exact duplicates screened 4 kept of 4 near duplicates 0 documents",
        "generations 28",
        "near duplicates 0 generations",
        "wrap/easy",
        "all 15 2,692",
    ):
        assert words in text


@dataclass
class Driver:
    """A job of a stage whose driver and executors have told of themselves."""

    reports: Path

    def tell(self, figures: StageFigures, seconds_ago: float, *executors: ExecutorFigures) -> None:
        self.reports.mkdir(parents=True, exist_ok=True)
        names = {"stage-figures": figures, **{f"figures-{executor.executor}": executor for executor in executors}}
        for name, told in names.items():
            (self.reports / name).write_bytes(told.to_json())
            os.utime(self.reports / name, (time.time() - seconds_ago,) * 2)


@pytest.fixture
def driver(finished: Run) -> Driver:
    return Driver(Path(finished.output) / "generations" / "_run-0123456789ab" / "reports")


def rewriting(**more: Any) -> StageFigures:
    totals = Totals(
        executors=2, running=64, waiting=3, answers=1204, errors=12, most_frequent_error="engine:timeout", tokens_per_second=1850.0
    )
    fields = {"stage": "rewrite", "at": 0.0, "seconds": 300.0, "units": 3, "units_in_all": 40, "seconds_left": (720.0, 1080.0)}
    return StageFigures(**fields, totals=totals, **more)


def test_what_goes_on_now_is_shown_with_how_old_it_is(finished: Run, driver: Driver) -> None:
    executors = [ExecutorFigures(executor=name, at=0.0, units=2, running=32, answers=602) for name in ("a-1", "b-2")]
    driver.tell(rewriting(), 2.0, *executors)
    print_status(finished, console := Console(record=True, width=250))
    text = console.export_text()
    assert "Now, rewrite: 3 of 40 units, at work for 5 min, 12 to 18 min left, 1,204 answers, " in text
    assert "64 running and 3 waiting, 1,850 tokens/s now" in text
    assert "1.0% errors, most often engine:timeout" in text
    assert "  b-2: 2 units, 32 requests running, 602 answers\n" in text
    driver.tell(rewriting(), 40.0, *executors)
    print_status(finished, console := Console(record=True, width=250))
    text = console.export_text()
    assert "Now, rewrite, last heard 40 s ago: 3 of 40 units" in text
    assert "602 answers, last heard 40 s ago" in text


def test_the_same_as_json_again_and_again(finished: Run, driver: Driver, capsys, monkeypatch) -> None:
    driver.tell(rewriting(), 3.0, ExecutorFigures(executor="a-1", at=0.0))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("rephrase.cli.status_table.time.sleep", pause)
    with pytest.raises(KeyboardInterrupt):
        watch(finished, 5.0, as_json=True)
    assert pauses == [5.0, 5.0]
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [stage["stage"] for stage in first["stages"]][:2] == ["shard", "screen"]
    [at_work] = second["at_work"]
    assert at_work["seconds_left"] == [720.0, 1080.0]
    assert at_work["totals"]["tokens_per_second"] == 1850.0
    assert at_work["executors"][0]["executor"] == "a-1"
    assert 3 <= at_work["seconds_since_heard"] < 30
    rewrite = next(stage for stage in second["stages"] if stage["stage"] == "rewrite")
    assert (rewrite["done"], rewrite["total"]) == (4, 4)


def test_neither_loads_spark(finished: Run) -> None:
    code = """
import json, sys
from rephrase.cli.status_table import print_status
from rephrase.cli.summary_tables import print_summary
from rephrase.config.run import Run
run = Run.model_validate(json.load(open("run.json")))
print_status(run)
print_summary(run)
assert "pyspark" not in sys.modules
"""
    assert json.loads(Path("run.json").read_text())["output"] == finished.output
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
