"""`rephrase status` and `summary`: every stage of the config tells of itself, without Spark."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rephrase.cli.status_table import print_status
from rephrase.cli.summary_tables import print_summary
from rephrase.config.run import Run
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
