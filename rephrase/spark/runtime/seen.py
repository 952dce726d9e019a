"""Which objects of a folder were seen already, in eight bytes each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from rephrase.storage import FileInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOGETHER = 1 << 14  # names that are looked up at once


class Seen:
    """Names by their hashes: of a million, two are taken for one in one of thirty million runs, and one is then not counted."""

    def __init__(self) -> None:
        self._sorted: NDArray[np.int64] = np.empty(0, np.int64)
        self._recent: list[int] = []

    def add(self, path: str) -> None:
        """Count a name as seen."""
        self._recent.append(hash(path))

    def new(self, files: Iterable[FileInfo]) -> Iterator[FileInfo]:
        """Those of some files, each of which is named once, that were not seen. None of them is seen by that."""
        if self._recent:
            self._sorted = np.union1d(self._sorted, np.array(self._recent, np.int64))
            self._recent = []
        names = iter(files)
        while some := list(itertools.islice(names, _TOGETHER)):
            hashes = np.fromiter((hash(file.path) for file in some), np.int64, len(some))
            there = np.searchsorted(self._sorted, hashes)
            there[there == len(self._sorted)] = 0
            is_new = self._sorted[there] != hashes if len(self._sorted) else np.ones(len(some), np.bool_)
            yield from (some[number] for number in np.flatnonzero(is_new))
