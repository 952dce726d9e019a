"""The table at the end of a run, made from footers and the manifest alone: it can be printed again at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import orjson
from rich.console import Console
from rich.table import Table

from rephrase import storage
from rephrase.notes import DocumentsNote, DuplicatesNote, ErrorsNote, GenerationsNote, JudgedNote, Note, ScreenedNote
from rephrase.records import KEEP
from rephrase.spark.stages.run_tables import check_begun
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

SomeNote = TypeVar("SomeNote", bound=Note)


def print_summary(run: Run, console: Console | None = None) -> None:
    """Print what each stage made: documents, passages, generations, verdicts by recipe, tokens, and the shares of the mixture.

    Raises `UserError` where no stage has run.
    """
    check_begun(run.output)
    console = console or Console(highlight=False)
    _stages(run, console)
    _recipes(run, console)
    _mixture(run, console)


def _notes(run: Run, table: str, kind: type[SomeNote]) -> list[SomeNote]:
    return [footer.note for footer in tables.footers(tables.objects(storage.join(run.output, table)), kind)]


def _stages(run: Run, console: Console) -> None:
    documents = sum(_notes(run, "documents", DocumentsNote), DocumentsNote())
    notes = _notes(run, "generations", GenerationsNote)
    generations = sum(notes, GenerationsNote())
    errors = sum(_notes(run, "errors", ErrorsNote), ErrorsNote()).errors
    table = Table(title=f"Run in {run.output}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    table.add_row("documents", f"{documents.documents:,}", f"{documents.tokens:,} tokens")
    left_out = f"{documents.dropped_short:,} too short, {documents.dropped_long:,} too long, {documents.duplicates:,} exact duplicates"
    table.add_row("", "", f"dropped: {left_out}")
    if errors:
        table.add_row("", "", f"{errors:,} read errors, such as {_read_error(run)}; all in {storage.join(run.output, 'errors')}")
    _dropped(run, table)
    passages = _passages(notes)
    own = {note.recipe for note in notes if note.has_own_rows}
    most = max((count for recipe, count in passages.items() if recipe not in own), default=0)
    table.add_row("passages", f"{most:,}", "by the recipe that cuts documents finest; below for each")
    tokens, seconds = generations.completion_tokens, generations.seconds
    rate = f", {tokens / seconds:,.0f} tokens/s a task" if seconds else ""
    table.add_row("generations", f"{generations.generations:,}", f"{tokens:,} tokens written{rate}")
    console.print(table)


def _read_error(run: Run) -> str:
    first = tables.read(tables.objects(storage.join(run.output, "errors"))[0]).to_pylist()[0]
    return f"{storage.name_of(first['file'])}, {first['unit']} {first['offset']:,}: {first['reason']}"


def _dropped(run: Run, table: Table) -> None:
    """What screening and deduplication took out, where they ran."""
    if run.screen is not None:
        screened = sum(_notes(run, "screened", ScreenedNote), ScreenedNote())
        verdicts = Counter(screened.verdicts)
        kept = verdicts.pop(KEEP, 0)
        reasons = ", ".join(f"{verdict} {count:,}" for verdict, count in verdicts.most_common())
        table.add_row("screened", f"{kept:,}", f"kept of {screened.screened:,}" + (f"; rejected by {reasons}" if reasons else ""))
    if run.dedup is not None:
        documents, judged = (
            sum(_notes(run, f"duplicates/{name}", DuplicatesNote), DuplicatesNote()).duplicates for name in ("documents", "judged")
        )
        table.add_row("near duplicates", f"{documents + judged:,}", f"{documents:,} documents, {judged:,} generations")


def _passages(generations: Iterable[GenerationsNote]) -> Counter[str]:
    """Passages by recipe, counted at the recipe's first step."""
    passages: Counter[str] = Counter()
    for note in generations:
        if note.earlier_steps == 0:
            passages[note.recipe] += note.passages
    return passages


def _recipes(run: Run, console: Console) -> None:
    judged = _notes(run, "judged", JudgedNote)
    passages = _passages(_notes(run, "generations", GenerationsNote))
    if not judged:
        console.print("nothing is judged yet: `rephrase run run.yaml` goes on")
        return
    table = Table(title="Kept by recipe", title_justify="left")
    for name in ("recipe", "passages", "generations", "kept", "tokens kept"):
        table.add_column(name, justify="left" if name == "recipe" else "right", no_wrap=name == "recipe")
    table.add_column("rejected by")
    for recipe in sorted({note.recipe for note in judged}):
        mine = sum((note for note in judged if note.recipe == recipe), JudgedNote())
        verdicts = Counter(mine.verdicts)
        kept = verdicts.pop(KEEP, 0)
        reasons = ", ".join(f"{verdict} {count:,}" for verdict, count in verdicts.most_common())
        table.add_row(
            recipe,
            f"{passages[recipe]:,}",
            f"{mine.judged:,}",
            f"{kept:,} ({kept / max(mine.judged, 1):.0%})",
            f"{mine.kept_tokens:,}",
            reasons,
        )
    console.print(table)


def _mixture(run: Run, console: Console) -> None:
    path = storage.join(run.output, "mixture", "_manifest.json")
    if not storage.exists(path):
        console.print("there is no finished mixture yet: `rephrase run run.yaml` goes on")
        return
    manifest = orjson.loads(storage.read(path))
    table = Table(title=f"Mixture in {storage.join(run.output, 'mixture')}", title_justify="left")
    for name in ("component", "rows", "tokens", "share", "asked for"):
        table.add_column(name, justify="left" if name == "component" else "right")
    for component in manifest["components"]:
        phase = component["phase"]
        share = component["tokens"] / max(sum(other["tokens"] for other in manifest["components"] if other["phase"] == phase), 1)
        name = component["name"] + (f", phase {phase + 1}" if manifest["files"][-1]["phase"] else "")
        table.add_row(name, f"{component['rows']:,}", f"{component['tokens']:,}", f"{share:.1%}", f"{component['share']:.1%}")
    table.add_row("all", f"{manifest['rows']:,}", f"{manifest['tokens']:,}", "", "", style="bold")
    console.print(table)
