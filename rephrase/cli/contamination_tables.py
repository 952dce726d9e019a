"""What `rephrase contamination` prints: what each benchmark has met in a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson
from rich.table import Table as Printed

from rephrase import storage
from rephrase.errors import UserError
from rephrase.live.plain_console import PlainConsole
from rephrase.report.contamination import Overlap, overlaps_of

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.config.run import Run


def contamination(run: Run, examples: int = 3, json: str | None = None, console: Console | None = None) -> None:
    """Print a table of benchmarks and tables of the run, with `examples` texts of each; with `json` write all of it there too.

    Raises `UserError` where no check of the run looks for benchmarks, and where it has not run.
    """
    overlaps = overlaps_of(run, examples)
    if not overlaps:
        cure = "list {contamination: {benchmarks: [{name: …, paths: …}]}} under `screen.checks` or `filter.checks`"
        raise UserError("no check of this run looks for benchmarks", where="contamination", cure=cure)
    if json:
        storage.put(json, orjson.dumps([asdict(overlap) for overlap in overlaps], option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    _print(overlaps, console or PlainConsole())


def _print(overlaps: list[Overlap], console: Console) -> None:
    table = Printed(title="benchmarks in the texts", title_justify="left")
    for column in ("benchmark", "items", "searched", "table", "rows with an item", "items found"):
        table.add_column(column, justify="left" if column in ("benchmark", "table") else "right")
    for overlap in overlaps:
        counts = [f"{count:,}" for count in (overlap.items, overlap.searched)]
        table.add_row(overlap.benchmark, *counts, overlap.table, f"{overlap.rows:,}", f"{len(overlap.found):,}")
    console.print(table)
    for overlap in overlaps:
        for example in overlap.examples:
            place = f"{overlap.table} {example['id']} holds {example['ratio']:.0%} of item {example['item']} of {overlap.benchmark}"
            console.print(f"{place}, {example['longest']} words in a run:")
            console.print(f"    {' '.join(example['excerpt'].split())}", style="dim")
