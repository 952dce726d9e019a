"""The screen stage: a verdict on each original document, so that no GPU hour is spent on one that nobody wants.

Run with `rephrase screen run.yaml`, which also searches documents for near duplicates. Documents stay where they are; what is rejected
is neither rewritten nor mixed.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from classifiers.cascade import Cascade, build_cascade
from classifiers.judging import screened_rows
from rephrase import storage
from rephrase.live.words import there_already
from rephrase.notes import ScreenedNote
from rephrase.recipes.naming import ORIGINAL
from rephrase.records import KEEP, SCREENED
from rephrase.spark.runtime.account import Sums
from rephrase.spark.runtime.progress import StageProgress, console
from rephrase.spark.runtime.units import Unit, pending, run_units
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.encoders import encoder_profile
from rephrase.spark.stages.ledger import claim, described, stage_note
from rephrase.spark.stages.meaning import Checks, Defaults, Meaning
from rephrase.spark.stages.run_tables import documents_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

_ROWS = 512  # documents judged at a time


def screen(run: Run, spark: LazySession) -> None:
    """Make `<output>/screened` from `<output>/documents`. Resumes; returns at once where all is there.

    Raises `UserError` for a missing documents table and wrong checks.
    """
    cascade = screening(run)
    folder = Tables.SCREENED.folder(run.output)
    paths = documents_of(run)
    claim(folder, Tables.SCREENED, meaning_of(run, cascade))
    units = [Unit(storage.join(folder, storage.name_of(path)), path) for path in paths]
    todo = pending(units, folder)
    if not todo:
        console.print(f"screen: {there_already(len(units))}")
        return
    with StageProgress("screen", folder, len(units), len(units) - len(todo), Sums(ScreenedNote, _progress)) as progress:
        session = spark.get()
        work = functools.partial(screen_unit, cascade=cascade)
        run_units(session, todo, work, folder, progress, encoder_profile(session, run, run.screen))


def meaning_of(run: Run, cascade: Cascade) -> Meaning:
    """What the verdicts on the documents depend on."""
    folder = Tables.DOCUMENTS.folder(run.output)
    content = {"documents": stage_note(folder)["digest"], "checks": cascade.describe()}
    return Meaning(content, Defaults(below={"checks": Checks([ORIGINAL])}), {"documents": described(folder)})


def screening(run: Run) -> Cascade:
    """The checks of the config. Raises `UserError` like `build_cascade`."""
    assert run.screen is not None
    return build_cascade(run.screen)


def screen_unit(unit: Unit[str], *, cascade: Cascade) -> None:
    """The work of one Spark task: judge one object of documents and create the object of verdicts."""
    writer = tables.Writer(SCREENED)
    verdicts: Counter[str] = Counter()
    for group in tables.read_row_groups(unit.payload, ["id", "text", "language", "source"]):
        parts = [screened_rows(group.slice(at, _ROWS), cascade) for at in range(0, group.num_rows, _ROWS)]
        judged = pa.concat_tables(parts)
        verdicts.update(judged.column("verdict").to_pylist())
        writer.add(judged)
    writer.commit(unit.output, ScreenedNote(screened=verdicts.total(), kept=verdicts[KEEP], verdicts=dict(verdicts)))


def _progress(sums: ScreenedNote, seconds: float) -> str:
    return f"{sums.screened:,} screened, {sums.kept:,} kept, {sums.screened / max(seconds, 0.001):,.0f}/s" if sums.screened else ""
