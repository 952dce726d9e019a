"""Where a score is cut so that each step has the same tokens: from sums by bins of scores, which bound the memory.

A bin holds the scores that share their sign, their exponent and the first ten bits of their mantissa. So a text is in another step than
the exact bounds would put it only where its score is within a thousandth of one, and texts of one score are never parted. What each step
then has is counted exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rephrase.mixing.grid import Cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHIFT = 52 - 10  # bits of a double's mantissa that a bin does not tell apart
_MAGNITUDE = np.int64(2**63 - 1)


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each finite score; ascending with the score. Shape: (rows,)."""
    bits = (scores + 0.0).view(np.int64)  # so that -0.0 is 0.0
    return np.where(bits < 0, bits ^ _MAGNITUDE, bits) >> _SHIFT


def lowest_of(bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """The lowest score of each bin. Shape: (bins,)."""
    ordered = bins << _SHIFT
    result: NDArray[np.float64] = np.where(ordered < 0, ordered ^ _MAGNITUDE, ordered).view(np.float64)
    return result


@dataclass(frozen=True, slots=True)
class Bounds:
    """The steps of a score that hold texts, ascending. lowest: of each but the first, the score from which it begins."""

    steps: tuple[int, ...]
    lowest: tuple[float, ...]

    def steps_of(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """The number of the step of each score. Shape: (rows,)."""
        return np.array(self.steps, np.int64)[np.searchsorted(np.array(self.lowest), scores, side="right")]


ByCell = Mapping[Cell, Bounds]
"""The bounds within each cell of the other dimensions."""


def bounds_of(bins: NDArray[np.int64], tokens: NDArray[np.int64], count: int) -> Bounds:
    """The bounds of `count` steps. bins: distinct, with their tokens, in any order; shape (bins,) each, at least one.

    A bin is in the step in which the middle of its tokens falls.
    """
    order = np.argsort(bins)
    bins, tokens = bins[order], tokens[order]
    middles = (np.cumsum(tokens) - tokens / 2) / max(int(tokens.sum()), 1)
    steps = np.minimum((middles * count).astype(np.int64), count - 1) + 1
    firsts = np.flatnonzero(np.diff(steps, prepend=0))
    return Bounds(tuple(steps[firsts].tolist()), tuple(lowest_of(bins[firsts[1:]]).tolist()))


def bounds_by_cell(cells: Sequence[Cell], lowest: Sequence[float | None], place: int) -> dict[Cell, Bounds]:
    """The same bounds from cells with a step at `place`, and the score from which each begins; None for the first of its row."""
    rows: dict[Cell, list[tuple[int, float | None]]] = {}
    for cell, start in zip(cells, lowest, strict=True):
        step = cell[place]
        if isinstance(step, int):
            rows.setdefault(cell[:place] + cell[place + 1 :], []).append((step, start))
    return {row: _bounds(sorted(steps)) for row, steps in rows.items()}


def _bounds(steps: Sequence[tuple[int, float | None]]) -> Bounds:
    return Bounds(tuple(step for step, _ in steps), tuple(start for _, start in steps if start is not None))
