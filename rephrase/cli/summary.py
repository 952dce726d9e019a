"""The table at the end of a run, made from footers and the manifest alone: it can be printed again at any time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.table import Table

from rephrase import storage
from rephrase.records import KEEP
from rephrase.spark.stages.run_tables import check_begun
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

_MIXTURE_KEYS = ("tokens", "rows")


def print_summary(run: Run, console: Console | None = None) -> None:
    """Print what each stage made: documents, passages, generations, verdicts by recipe, tokens, and the shares of the mixture.

    Raises `UserError` where no stage has run.
    """
    check_begun(run.output)
    console = console or Console(highlight=False)
    _stages(run, console)
    _recipes(run, console)
    _mixture(run, console)


def _notes(run: Run, table: str) -> list[dict[str, Any]]:
    return [footer.note for footer in tables.footers(tables.objects(storage.join(run.output, table)))]


def _stages(run: Run, console: Console) -> None:
    documents, generations = _notes(run, "documents"), _notes(run, "generations")
    errors = sum(footer.rows for footer in tables.footers(tables.objects(storage.join(run.output, "errors"))))
    table = Table(title=f"Run in {run.output}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    short, repeated = _sum(documents, "dropped_short"), _sum(documents, "duplicates")
    table.add_row("documents", f"{_sum(documents, 'documents'):,}", f"{_sum(documents, 'tokens'):,} tokens")
    long = _sum(documents, "dropped_long")
    table.add_row("", "", f"dropped: {short:,} too short, {long:,} too long, {repeated:,} exact duplicates")
    if errors:
        table.add_row("", "", f"{errors:,} read errors, such as {_read_error(run)}; all in {storage.join(run.output, 'errors')}")
    _dropped(run, table)
    passages = _passages(generations)
    own = {note["recipe"] for note in generations if note["rows"].startswith("rows/")}  # not made from documents
    most = max((count for recipe, count in passages.items() if recipe not in own), default=0)
    table.add_row("passages", f"{most:,}", "by the recipe that cuts documents finest; below for each")
    seconds = _sum(generations, "seconds")
    tokens = _sum(generations, "completion_tokens")
    rate = f", {tokens / seconds:,.0f} tokens/s a task" if seconds else ""
    table.add_row("generations", f"{_sum(generations, 'generations'):,}", f"{tokens:,} tokens written{rate}")
    console.print(table)


def _read_error(run: Run) -> str:
    first = tables.read(tables.objects(storage.join(run.output, "errors"))[0]).to_pylist()[0]
    return f"{storage.name_of(first['file'])}, {first['unit']} {first['offset']:,}: {first['reason']}"


def _dropped(run: Run, table: Table) -> None:
    """What screening and deduplication took out, where they ran."""
    if run.screen is not None:
        notes = _notes(run, "screened")
        verdicts: Counter[str] = Counter()
        for note in notes:
            verdicts.update(note["verdicts"])
        kept = verdicts.pop(KEEP, 0)
        reasons = ", ".join(f"{verdict} {count:,}" for verdict, count in verdicts.most_common())
        table.add_row("screened", f"{kept:,}", f"kept of {_sum(notes, 'screened'):,}" + (f"; rejected by {reasons}" if reasons else ""))
    if run.dedup is not None:
        out = {name: _sum(_notes(run, f"duplicates/{name}"), "duplicates") for name in ("documents", "judged")}
        table.add_row("near duplicates", f"{sum(out.values()):,}", f"{out['documents']:,} documents, {out['judged']:,} generations")


def _passages(generations: list[dict[str, Any]]) -> Counter[str]:
    """Passages by recipe, counted at the recipe's first step."""
    passages: Counter[str] = Counter()
    for note in generations:
        if not note.get("follows"):
            passages[note["recipe"]] += note["passages"]
    return passages


def _recipes(run: Run, console: Console) -> None:
    judged, passages = _notes(run, "judged"), _passages(_notes(run, "generations"))
    if not judged:
        console.print("nothing is judged yet: `rephrase run run.yaml` goes on")
        return
    table = Table(title="Kept by recipe", title_justify="left")
    for name in ("recipe", "passages", "generations", "kept", "tokens kept"):
        table.add_column(name, justify="left" if name == "recipe" else "right", no_wrap=name == "recipe")
    table.add_column("rejected by")
    for recipe in sorted({note["recipe"] for note in judged}):
        mine = [note for note in judged if note["recipe"] == recipe]
        verdicts: Counter[str] = Counter()
        for note in mine:
            verdicts.update(note["verdicts"])
        kept, total = verdicts.pop("keep", 0), _sum(mine, "judged")
        reasons = ", ".join(f"{verdict} {count:,}" for verdict, count in verdicts.most_common())
        table.add_row(
            recipe,
            f"{passages[recipe]:,}",
            f"{total:,}",
            f"{kept:,} ({kept / max(total, 1):.0%})",
            f"{_sum(mine, 'kept_tokens'):,}",
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


def _sum(notes: list[dict[str, Any]], key: str) -> int:
    return sum(note.get(key, 0) for note in notes)
