"""What `rephrase contamination` prints: what each benchmark has met in a run, from kept scores and without Spark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from classifiers.benchmark_index import load_index
from classifiers.cascade import Cascade, build_cascade
from classifiers.checks.contamination import Contamination
from classifiers.rejudge import score_arrays
from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.run_tables import check_begun, objects_of
from rephrase.spark.stages.screen import screening
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

_TEXTS = {Tables.SCREENED: Tables.DOCUMENTS, Tables.JUDGED: Tables.GENERATIONS}
"""Where the texts lie whose scores a table keeps, in objects of the same names."""


@dataclass(slots=True)
class Overlap:
    """What one benchmark and one table have in common. Written as it is under `--json`."""

    table: str
    benchmark: str
    items: int
    """Items of the benchmark, without repeated ones."""
    searched: int
    """Items that can be found: long enough, and not all made of words that many others have."""
    rows: int = 0
    """Rows of the table that hold an item."""
    found: dict[int, int] = field(default_factory=dict)
    """The items that were found, as rows of the benchmark's files from 1, and how many rows hold each."""
    examples: list[dict[str, Any]] = field(default_factory=list)
    """Of the first rows: the id, the item, words of the longest common run, share of the item, and the text from there."""


def contamination(run: Run, examples: int = 3, json: str | None = None, console: Console | None = None) -> None:
    """Print a table of benchmarks and tables of the run, with `examples` texts of each; with `json` write all of it there too.

    Raises `UserError` where no check of the run looks for benchmarks, and where it has not run.
    """
    checks = [(table, check) for table, cascade in _cascades(run) for check in _checks(cascade)]
    if not checks:
        cure = "list {contamination: {benchmarks: [{name: …, paths: …}]}} under `screen.checks` or `filter.checks`"
        raise UserError("no check of this run looks for benchmarks", where="contamination", cure=cure)
    check_begun(run.output)
    overlaps = [overlap for table, check in checks for overlap in _overlaps(run.output, table, check, examples)]
    if json:
        storage.put(json, orjson.dumps([asdict(overlap) for overlap in overlaps], option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
    _print(overlaps, console or Console(highlight=False))


def _cascades(run: Run) -> Iterator[tuple[Table, Cascade]]:
    if run.screen is not None:
        yield Tables.SCREENED, screening(run)
    yield Tables.JUDGED, build_cascade(run.filter)


def _checks(cascade: Cascade) -> list[Contamination]:
    return [check for check in cascade.checks("") if isinstance(check, Contamination)]


def _overlaps(output: str, table: Table, check: Contamination, examples: int) -> list[Overlap]:
    index = load_index(check.settings.benchmarks)
    items = np.bincount(index.benchmark_of, minlength=len(index.benchmarks)).tolist()
    overlaps = {
        benchmark.name: Overlap(table.path, benchmark.name, count + index.short[benchmark.name], count - index.templates[benchmark.name])
        for benchmark, count in zip(index.benchmarks, items, strict=True)
    }
    for path in objects_of(output, table):
        judged = tables.read(path, ["id", "scores"])
        scores = score_arrays(judged)
        for name, overlap in overlaps.items():
            items_of_rows = scores.get(f"{check.name}.{name}", np.full(judged.num_rows, np.nan))
            hits = np.flatnonzero(~np.isnan(items_of_rows))
            overlap.rows += len(hits)
            overlap.found = dict(Counter(overlap.found) + Counter(items_of_rows[hits].astype(int).tolist()))
            ids = judged.column("id").take(pa.array(hits[: examples - len(overlap.examples)]))
            if len(ids):
                overlap.examples += _examples(storage.join(_TEXTS[table].folder(output), storage.name_of(path)), ids, check)
    return list(overlaps.values())


def _examples(path: str, ids: pa.ChunkedArray, check: Contamination) -> Iterator[dict[str, Any]]:
    texts = tables.read(path, ["id", "text"])
    texts = texts.filter(pc.is_in(texts.column("id"), ids))
    hits = load_index(check.settings.benchmarks).find(texts.column("text").to_pylist())
    for identity, hit in zip(texts.column("id").to_pylist(), hits, strict=True):
        if hit:
            yield {"id": identity, "item": hit.item, "longest": hit.longest_match, "ratio": round(hit.ratio, 3), "excerpt": hit.excerpt}


def _print(overlaps: list[Overlap], console: Console) -> None:
    table = Printed(title="benchmarks in the texts", title_justify="left")
    for column in ("benchmark", "items", "searched", "table", "rows with an item", "items found"):
        table.add_column(column, justify="left" if column in ("benchmark", "table") else "right")
    for overlap in overlaps:
        counts = [f"{count:,}" for count in (overlap.items, overlap.searched)]
        table.add_row(escape(overlap.benchmark), *counts, overlap.table, f"{overlap.rows:,}", f"{len(overlap.found):,}")
    console.print(table)
    for overlap in overlaps:
        for example in overlap.examples:
            place = f"{overlap.table} {example['id']} holds {example['ratio']:.0%} of item {example['item']} of {overlap.benchmark}"
            console.print(escape(f"{place}, {example['longest']} words in a run:"))
            console.print(f"    {escape(' '.join(example['excerpt'].split()))}", style="dim")
