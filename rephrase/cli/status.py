"""How far a run is, told by its objects alone: from any shell, while a driver runs and after it died."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.table import Table

from rephrase import storage
from rephrase.errors import UserError
from rephrase.names import ARROWS, PARQUET
from rephrase.notes import DocumentsNote, GenerationsNote, JudgedNote, MixtureNote, Note, ScreenedNote
from rephrase.spark.runtime.progress import span
from rephrase.spark.runtime.units import pending
from rephrase.spark.stages.rewrite.pace import Pace
from rephrase.spark.stages.run_tables import MAKERS, check_begun
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

SomeNote = TypeVar("SomeNote", bound=Note)


def print_status(run: Run, console: Console | None = None) -> None:
    """Print what each stage has done, what is left, and how long the rewrite stage may still take.

    Raises `UserError` where no stage has run.
    """
    check_begun(run.output)
    console = console or Console(highlight=False)
    table = Table(title=f"Run in {run.output}", title_justify="left")
    for name in ("stage", "units", "last unit", ""):
        table.add_column(name)
    for name, stage in MAKERS.items():
        if stage == "screen" and run.screen is None:
            continue
        folder = storage.join(run.output, name)
        done, total, words = _stage(run, stage)
        units = f"{done:,} of {total:,}" if total is not None else f"{done:,}"
        table.add_row(stage, units if done or total else "not begun", _last(folder), words)
    console.print(table)


def _stage(run: Run, stage: str) -> tuple[int, int | None, str]:
    """Units done, units in all where that is known, and a few words."""
    if stage == "shard":
        done, shard = _sums(run, "documents", DocumentsNote)
        return done, _input_files(run), f"{shard.documents:,} documents, {shard.tokens:,} tokens"
    if stage == "screen":
        done, screen = _sums(run, "screened", ScreenedNote)
        documents = len(tables.objects(storage.join(run.output, "documents")))
        return done, documents, f"{screen.kept:,} of {screen.screened:,} kept"
    if stage == "rewrite":
        return _rewrite(run)
    if stage == "filter":
        done, judged = _sums(run, "judged", JudgedNote)
        generated = len(tables.objects(storage.join(run.output, "generations")))
        return done, generated, f"{judged.kept:,} of {judged.judged:,} kept"
    return _mix(run)


def _sums(run: Run, table: str, kind: type[SomeNote]) -> tuple[int, SomeNote]:
    """How many objects a table has, and the sum of their notes."""
    paths = tables.objects(storage.join(run.output, table))
    return len(paths), sum((footer.note for footer in tables.footers(paths, kind)), kind())


def _rewrite(run: Run) -> tuple[int, int | None, str]:
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.spark.stages.rewrite.plan import plan, weights_of
    from rephrase.spark.stages.rewrite.rows import sources_of

    folder = storage.join(run.output, "generations")
    paths = tables.objects(folder)
    if not paths:
        return 0, None, ""
    pace = Pace()
    for footer in tables.footers(paths, GenerationsNote):
        pace.add(footer.note)
    recipes = recipes_of(run.recipes)
    try:
        sources = sources_of(run, recipes)
    except UserError:
        return len(paths), None, pace.describe(pace.seconds)
    levels = range(max(len(recipe.steps) for recipe in recipes))
    units = [unit for level in levels for unit in plan(recipes, level, sources, folder, run.rewrite.prompts_per_unit)]
    left = pending(units, folder)
    words = pace.describe(pace.seconds)
    weights = weights_of(units)
    if left and (work := sum(weights.values()) - (to_do := sum(weights[unit.output] for unit in left))):
        words += f", about {span(pace.seconds * to_do / work)} of work left at the pace so far"
    if pace.sums.causes:
        cause, times = Counter(pace.sums.causes).most_common(1)[0]
        words += f"; most frequent error: {cause} ({times:,})"
    return len(units) - len(left), len(units), words


def _mix(run: Run) -> tuple[int, int | None, str]:
    from rephrase.spark.stages.mix.exchange import Exchange
    from rephrase.spark.stages.mix.inputs import find_inputs
    from rephrase.spark.stages.mix.manifest import MANIFEST
    from rephrase.spark.stages.mix.stage import plan_of

    folder = storage.join(run.output, "mixture")
    plan = plan_of(folder)
    done, mixed = _sums(run, "mixture", MixtureNote)
    if plan is None:
        return done, None, ""
    total, words = sum(plan.files), f"{mixed.tokens:,} of {plan.tokens:,} tokens"
    if storage.exists(storage.join(folder, MANIFEST)):
        return done, total, f"{words}, complete"
    if done < total:
        with contextlib.suppress(UserError):  # tables that have changed, which the next run will refuse
            exchange = Exchange.of(folder, find_inputs(run), run.mix, plan)
            words += f"; exchange: {len(exchange.stored()):,} of {exchange.packs:,} units"
    return done, total, words


def _input_files(run: Run) -> int | None:
    from rephrase.spark.stages.ledger import stage_note

    try:
        count: int = stage_note(storage.join(run.output, "documents"))["meaning"]["files"]["count"]
    except UserError:
        return None
    return count


def _last(folder: str) -> str:
    changed = max((file.modified for file in storage.list_files(folder) if file.path.endswith((PARQUET, ARROWS))), default=0.0)
    return f"{span(time.time() - changed)} ago" if changed else ""
