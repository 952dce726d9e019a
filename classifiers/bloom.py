"""A Bloom filter of 64-bit hashes (Bloom 1970, doi 10.1145/362686.362692), and how large it must be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from classifiers.words import Hashes, mixed

_OTHER = np.uint64(0x9E3779B97F4A7C15)


def bits_for(expected: int, false_positives: float) -> int:
    """Bits that hold so many hashes with this rate of false positives, at the best number of bits for each."""
    return math.ceil(-expected * math.log(false_positives) / math.log(2) ** 2)


def probes_for(false_positives: float) -> int:
    """Bits that each hash sets."""
    return max(1, round(-math.log2(false_positives)))


def error_of(added: int, bits: int, probes: int) -> float:
    """The rate of false positives of a filter of so many bits that so many different hashes were added to."""
    return float((1 - math.exp(-probes * added / bits)) ** probes)


class BloomFilter:
    """Hashes that were added are always found; others are with a probability that grows with how many were added."""

    def __init__(self, bits: int, probes: int) -> None:
        self._bytes = np.zeros(-(-bits // 8), np.uint8)
        self._probes = probes

    def has(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """For each hash whether it was added, or seems so."""
        found = np.ones(len(hashes), np.bool_)
        for at in self._places(hashes):
            found &= (self._bytes[at >> np.uint64(3)] >> (at & np.uint64(7)).astype(np.uint8)) & np.uint8(1) == 1
        return found

    def add(self, hashes: Hashes) -> None:
        """Add hashes, in any order and as often as one likes."""
        for at in self._places(hashes):
            np.bitwise_or.at(self._bytes, at >> np.uint64(3), np.uint8(1) << (at & np.uint64(7)).astype(np.uint8))

    def _places(self, hashes: Hashes) -> Iterator[Hashes]:
        # Two hashes make all (Kirsch and Mitzenmacher 2008, doi 10.1002/rsa.20208).
        first, step = mixed(hashes), mixed(hashes ^ _OTHER) | np.uint64(1)
        for number in range(self._probes):
            yield (first + np.uint64(number) * step) % np.uint64(len(self._bytes) * 8)
