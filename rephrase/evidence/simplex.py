"""Shares of components: numbers within bounds that sum to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HALVINGS = 60  # of an interval of at most a few units: ends below a double's precision


def nearest_shares(point: NDArray[np.float64], lowest: NDArray[np.float64], highest: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shares within bounds that are nearest to a point (Euclidean). All arrays have the shape (components,), or (points, components).

    The sum of `lowest` is at most 1, that of `highest` at least 1.
    """
    below = (point - highest).min(axis=-1, keepdims=True)
    above = (point - lowest).max(axis=-1, keepdims=True)
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        is_much = np.clip(point - middle, lowest, highest).sum(axis=-1, keepdims=True) > 1
        below, above = np.where(is_much, middle, below), np.where(is_much, above, middle)
    shares: NDArray[np.float64] = np.clip(point - (below + above) / 2, lowest, highest)
    return shares
