"""Scores of rows, by their names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray


def score_of(column: pa.ChunkedArray, name: str) -> NDArray[np.float64]:
    """The number under a name in each map of a column; not-a-number where there is none. Shape: (rows,)."""
    scores = np.full(len(column), np.nan)
    at = 0
    for chunk in column.chunks:
        offsets = chunk.offsets.to_numpy()
        rows = np.repeat(np.arange(at, at + len(chunk)), np.diff(offsets))
        inside = slice(int(offsets[0]), int(offsets[-1]))
        keys, values = chunk.keys[inside], chunk.items[inside]
        matching = pc.equal(keys, name).to_numpy(zero_copy_only=False).astype(np.bool_)
        scores[rows[matching]] = _numbers(values.filter(pa.array(matching)))
        at += len(chunk)
    return scores


def _numbers(values: pa.Array) -> Any:
    """Numbers, or the texts of metadata as numbers. Shape: (values,)."""
    if pa.types.is_floating(values.type):
        return values.fill_null(math.nan).to_numpy(zero_copy_only=False)
    return [_number(value) for value in values.to_pylist()]


def _number(value: str | float | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except ValueError:
        return math.nan
