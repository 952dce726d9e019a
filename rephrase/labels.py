"""The column `labels` of documents, verdicts and the mixture: read by the names of labels, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rephrase.records import LABELS

COLUMN = "labels"


Counts = Mapping[str, Sequence[tuple[str, int, int]]]
"""By the name of a label: each of its values with its rows and their tokens."""


def with_labels(table: pa.Table) -> pa.Table:
    """The table with a column of labels: of nulls where it has none, as older ones do."""
    return table if COLUMN in table.column_names else table.append_column(COLUMN, pa.nulls(table.num_rows, LABELS))


def label_column(values: Mapping[str, Sequence[str | None]], rows: int) -> Any:
    """The column of so many rows, of values by the names of labels; null without any name, and without what is None.

    >>> label_column({"topic": ["Games", None]}, 2).to_pylist()
    [[('topic', 'Games')], []]
    """
    if not values:
        return pa.nulls(rows, LABELS)
    return pa.array([[(name, own[row]) for name, own in values.items() if own[row] is not None] for row in range(rows)], LABELS)


def as_mapping(labels: Iterable[Any]) -> dict[str, Any]:
    """The labels of one row as Python has them from a map or from a mixture's pairs."""
    return dict((label["name"], label["value"]) if isinstance(label, dict) else label for label in labels)


def values_of(table: pa.Table, name: str) -> Any:
    """The values of a label, null where a row lacks it. Shape: (rows,)."""
    column = with_labels(table).column(COLUMN).combine_chunks()
    values = pc.map_lookup(column, name, "first")
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def names_in(table: pa.Table) -> list[str]:
    """The names of the labels that any row has, sorted."""
    chunks = with_labels(table).column(COLUMN).chunks
    keys = [chunk.keys[chunk.offsets[0].as_py() : chunk.offsets[len(chunk)].as_py()] for chunk in chunks if len(chunk)]
    return sorted({name for part in keys for name in pc.unique(part).to_pylist()})


def counted(table: pa.Table) -> Counts:
    """The counts of rows and of tokens, from the columns `labels` and `n_tokens`; sorted, so that the same rows give the same counts."""
    counts = {}
    for name in names_in(table):
        rows = pa.table({"value": values_of(table, name), "tokens": table.column("n_tokens")}).filter(pc.is_valid(pc.field("value")))
        sums = rows.group_by("value", use_threads=False).aggregate([([], "count_all"), ("tokens", "sum")]).sort_by("value")
        counts[name] = [(row["value"], row["count_all"], row["tokens_sum"] or 0) for row in sums.to_pylist()]
    return counts


def summed(several: Iterable[Counts]) -> Counts:
    """The sums of counts."""
    together: dict[str, list[tuple[str, int, int]]] = {}
    for counts in several:
        for name, values in counts.items():
            together.setdefault(name, []).extend(values)
    return {name: summed_values(values) for name, values in sorted(together.items())}


def summed_values(values: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The counts of one label with each value once, in the order of values."""
    sums: dict[str, tuple[int, int]] = {}
    for value, rows, tokens in values:
        before = sums.get(value, (0, 0))
        sums[value] = (before[0] + rows, before[1] + (tokens or 0))
    return [(value, *both) for value, both in sorted(sums.items())]


def ranked(counts: Counts, rows: int, tokens: int) -> dict[str, list[dict[str, Any]]]:
    """The counts of a table of so many rows and tokens as reports have them: most tokens first, a value of null for what has no label."""
    result = {}
    for name, values in counts.items():
        missing = (rows - sum(count for _, count, _ in values), tokens - sum(count for *_, count in values))
        known: list[tuple[str | None, int, int]] = [*values, *([(None, *missing)] if missing[0] else [])]
        ordered = sorted(known, key=lambda one: (-one[2], str(one[0])))
        result[name] = [{"value": value, "rows": own, "tokens": length} for value, own, length in ordered]
    return result
