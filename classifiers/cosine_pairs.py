"""Pairs of vectors whose cosine reaches a threshold, by products of blocks: never a matrix of all with all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from classifiers.centroids import Vectors
from classifiers.words import Integers

_ROWS = 256  # firsts whose products with all seconds are in memory at a time

Flags = npt.NDArray[np.bool_]


class Side:
    """Vectors of length 1 in an order, with the place of each in an order of both sides, and whether it is at home in the cluster."""

    def __init__(self, vectors: Vectors, places: Integers, home: Flags) -> None:
        self.vectors, self.places, self.home = vectors, places, home


def pairs_above(firsts: Side, seconds: Side, threshold: float, most: int) -> Iterator[tuple[Integers, Integers, Vectors, Flags]]:
    """The pairs (places of firsts, places of seconds, cosines), block by block: the first before the second, one of them at home.

    Of each second no more than `most`, those with the earliest firsts; one more, of which the last value is true, says that it was not
    compared with all.
    """
    left = np.arange(len(seconds.places))
    count = np.zeros(len(left), np.int64)
    vectors = seconds.vectors
    for at in range(0, len(firsts.places), _ROWS):
        block = slice(at, at + _ROWS)
        open_still = (count[left] <= most) & (seconds.places[left] > firsts.places[at])
        if not open_still.all():  # what has its pairs, and what stands before all that follows, is compared no more
            left, vectors = left[open_still], vectors[open_still]
        if not len(left):
            return
        cosines = np.round(firsts.vectors[block] @ vectors.T, 6)  # the last bits depend on the shape of a block
        alike = cosines >= threshold
        alike &= firsts.places[block, None] < seconds.places[left]
        alike &= firsts.home[block, None] | seconds.home[left]
        numbers = np.cumsum(alike, axis=0, dtype=np.int32) + count[left]
        count[left] += np.count_nonzero(alike, axis=0)
        row, column = np.nonzero(alike & (numbers <= most + 1))
        if len(row):
            yield firsts.places[at + row], seconds.places[left[column]], cosines[row, column], numbers[row, column] > most
