"""The cell of a grid in which each text of a component stands: a pure function of its source, its labels and its scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rephrase import labels
from rephrase.mixing.grid import SOURCE, Cell, Dimension, Steps, Value
from rephrase.mixing.quantiles import Bounds
from rephrase.mixing.scores import score_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCORES = "scores"
_MOST_COUNTED = 1 << 20  # combinations of values that are counted instead of sorted

Coded = tuple["NDArray[np.int64]", list[Cell]]
"""Rows by their cells: the place of each row's cell among the cells, shape (rows,), and the cells."""


def cells_of(table: pa.Table, dimensions: Sequence[Dimension], bounds: Mapping[Cell, Bounds] | None = None) -> Coded:
    """The cell of each row. `bounds` of the score that is cut by quantiles, by the cells of the other dimensions.

    A row whose cell of the others has no bounds has no step either.
    """
    place = by_quantiles(dimensions)
    if place is None:
        return _combined([_values(table, dimension) for dimension in dimensions], table.num_rows)
    rows, cells = cells_of(table, [*dimensions[:place], *dimensions[place + 1 :]])
    scores = scores_of(table, dimensions[place])
    steps = np.zeros(table.num_rows, np.int64)
    for number, cell in enumerate(cells):
        mine = np.flatnonzero((rows == number) & ~np.isnan(scores))
        if len(mine) and bounds and cell in bounds:
            steps[mine] = bounds[cell].steps_of(scores[mine])
    codes, pairs = _combined([(rows, list(range(len(cells)))), _numbered(steps)], table.num_rows)
    return codes, [(*cells[row][:place], step, *cells[row][place:]) for row, step in pairs if isinstance(row, int)]


def telling(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """Some rows, with the columns by which cells are told alone: others may hold texts."""
    narrow = table.select([name for name in table.column_names if name in (SOURCE, labels.COLUMN, _SCORES)])
    return narrow if len(rows) == table.num_rows else narrow.take(pa.array(rows))


def by_quantiles(dimensions: Sequence[Dimension]) -> int | None:
    """The place of the score that is cut by quantiles; None where none is."""
    return next((place for place, one in enumerate(dimensions) if isinstance(one, Steps) and one.quantiles), None)


def scores_of(table: pa.Table, dimension: Dimension) -> NDArray[np.float64]:
    """The finite scores of a dimension; not-a-number where there is none. Shape: (rows,)."""
    assert isinstance(dimension, Steps)
    if _SCORES not in table.column_names:  # a text that was joined has none
        return np.full(table.num_rows, np.nan)
    scores = score_of(table.column(_SCORES), dimension.score)
    scores[~np.isfinite(scores)] = np.nan
    return scores


def _values(table: pa.Table, dimension: Dimension) -> tuple[NDArray[np.int64], list[Value]]:
    """The value of each row, as its place among the values."""
    if isinstance(dimension, Steps):
        scores = scores_of(table, dimension)
        steps = np.searchsorted(np.array(dimension.edges), scores, side="right") + 1
        return _numbered(np.where(np.isnan(scores), 0, steps))
    column = table.column(SOURCE).combine_chunks() if dimension == SOURCE else labels.values_of(table, dimension)
    encoded = (column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column).dictionary_encode()
    values: list[Value] = [*encoded.dictionary.to_pylist(), None]
    return encoded.indices.fill_null(len(values) - 1).to_numpy().astype(np.int64), values


def _numbered(steps: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[Value]]:
    """Steps as places among values; 0 is no step."""
    return steps, [None, *range(1, int(steps.max(initial=0)) + 1)]


def _combined(columns: Sequence[tuple[NDArray[np.int64], list[Value]]], rows: int) -> Coded:
    codes = np.zeros(rows, np.int64)
    for column, values in columns:
        codes = codes * len(values) + column
    counts = np.bincount(codes) if math.prod(len(values) for _, values in columns) <= _MOST_COUNTED else None
    distinct = np.unique(codes) if counts is None else np.flatnonzero(counts)
    return np.searchsorted(distinct, codes), [_cell(int(code), [values for _, values in columns]) for code in distinct]


def _cell(code: int, values: Sequence[list[Value]]) -> Cell:
    cell: list[Value] = []
    for of_dimension in reversed(values):
        code, place = divmod(code, len(of_dimension))
        cell.append(of_dimension[place])
    return tuple(reversed(cell))
