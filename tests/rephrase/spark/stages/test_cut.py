"""Answers that are cut name the setting that cut them, wherever a run tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.summary_tables import print_summary
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.notes import GenerationsNote, JudgedNote
from rephrase.planning.estimate import Estimate
from rephrase.planning.figures import Kept
from rephrase.planning.measured import Measured
from rephrase.planning.rejected import about_rejections
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import GENERATION, JUDGED
from rephrase.report.report import write_report
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.mix.rejections import nothing_kept
from rephrase.storage import tables
from tests.rephrase.cli.test_main import config

RECIPES = [{"use": "wrap/easy", "sampling": {"max_tokens": 128}}, "nemotron/distill"]
EASY = "6 answers were cut at `sampling.max_tokens` (wrap/easy: 128): raise it in the recipe's entry"


@pytest.fixture
def run(tmp_path: Path, tokenizer_file: str) -> Run:
    """A run of which all answers were cut: by the check of one recipe, by the parser of the other."""
    run = load_run(config(tmp_path, tokenizer_file, recipes=RECIPES))
    notes = [
        GenerationsNote(generations=6, requests=6, recipe="wrap/easy", step="rewrite"),
        GenerationsNote(
            generations=2, requests=2, parse_errors=2, errors=2, causes={"parse:truncated": 2}, recipe="nemotron/distill", step="rewrite"
        ),
    ]
    for number, note in enumerate(notes):
        judged = JudgedNote(recipe=note.recipe, step=note.step, judged=note.generations, verdicts={"finished": note.generations})
        for table, schema, of_table in ((Tables.GENERATIONS, GENERATION, note), (Tables.JUDGED, JUDGED, judged)):
            tables.commit(storage.join(table.folder(run.output), f"unit-{number}.parquet"), schema.empty_table(), of_table)
    return run


def test_the_summary_names_the_limit_and_does_not_advise_to_ask_again(run: Run) -> None:
    print_summary(run, console := Console(record=True, width=400))
    text = console.export_text()
    distill = recipes_of(run.recipes)[1].steps[0].output_tokens
    assert f"8 answers were cut at `sampling.max_tokens` (wrap/easy: 128, nemotron/distill: {distill:,}): raise it" in text
    errors = next(line for line in text.splitlines() if "parse errors" in line)
    assert f"a larger `sampling.max_tokens` (nemotron/distill: {distill:,}) cuts fewer" in errors
    assert "--retry-errors" not in text


def test_a_mixture_without_rewrites_names_it(run: Run) -> None:
    assert "(wrap/easy: 128, nemotron/distill: " in (nothing_kept(run) or "")


def test_the_findings_of_the_report_name_it(run: Run, tmp_path: Path) -> None:
    written = write_report(run, str(tmp_path / "report.html"))
    [of_easy] = [one for one in written.findings if one.startswith("wrap/easy")]
    assert of_easy.startswith(f"wrap/easy keeps 0% of 6 rows, rejected most often by finished (6); {EASY}")
    assert "--retry-errors" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(("rate", "told"), [(0.2, True), (0.8, False)])
def test_a_plan_says_why_little_is_kept(run: Run, rate: float, told: bool) -> None:
    notes = GenerationsNote(recipe="wrap/easy", step="rewrite")
    judged = JudgedNote(recipe="wrap/easy", step="rewrite", verdicts={"finished": 6})
    nothing = Estimate.exact(0)
    kept = [Kept("wrap/easy", nothing, nothing, Estimate(rate, 0.0, 1.0), nothing, None, None)]
    remarks = about_rejections(run, kept, Measured({}, (notes,), (judged,), "the trial pilot-6"))
    assert [remark.split(": ")[0] for remark in remarks] == (
        ["wrap/easy keeps few rows in the trial pilot-6", EASY.split(": ", maxsplit=1)[0]] if told else []
    )
