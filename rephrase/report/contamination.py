"""What each benchmark has met in a run, from kept scores and without Spark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.benchmark_index import load_index
from classifiers.cascade import Cascade, build_cascade
from classifiers.checks.contamination import Contamination
from classifiers.rejudge import score_arrays
from classifiers.settings import Filter, Screen
from rephrase import storage
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


def overlaps_of(run: Run, examples: int = 3) -> list[Overlap]:
    """What each benchmark and each judged table of the run have in common, with `examples` texts; empty where no check looks for any.

    Raises `UserError` where such a check has not run.
    """
    checks = [(table, check) for table, cascade in _cascades(run) for check in _checks(cascade)]
    if checks:
        check_begun(run.output)
    return [overlap for table, check in checks for overlap in _overlaps(run.output, table, check, examples)]


def _cascades(run: Run) -> Iterator[tuple[Table, Cascade]]:
    if run.screen is not None and _looks(run.screen):
        yield Tables.SCREENED, screening(run)
    if _looks(run.filter):
        yield Tables.JUDGED, build_cascade(run.filter)


def _looks(section: Screen | Filter) -> bool:
    """Whether a section has such a check: all of them are made only where one has, as their models are loaded."""
    return any(check.use == "contamination" for check in section.checks or ())


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
