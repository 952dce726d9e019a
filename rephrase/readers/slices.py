"""Parts of an input file that tasks read by themselves, and how files are dealt out to tasks."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rephrase.storage.base import FileInfo
from rephrase.storage.file_list import FileList

MANY_FILES = 256
"""So many are as many tasks; of more, small ones share tasks."""
_LEAST_BYTES = 4 << 20  # at which a unit of small files is full: a second of work, beside which its start weighs little
_MOST_BYTES = 16 << 20  # the same where there is work enough for a cluster
_MOST_FILES = 4096  # in a unit, however small they are
_WHOLE = -1  # an end of a slice that goes to that of its file
_OPENED = 16  # files at a time, to see where they can be cut


@dataclass(frozen=True, slots=True)
class Slice:
    """A file from `start` to before `end`, counted as its reader does: bytes of JSON lines, row groups of Parquet. Whole without an end."""

    file: FileInfo
    start: int = 0
    end: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.start == 0 and self.end is None


class Units:
    """What each task reads, made anew whenever it is asked for: a unit takes 32 bytes, whatever its files are."""

    def __init__(self, files: FileList) -> None:
        self._files = files
        self._firsts, self._counts = array("q"), array("q")  # of the files of each unit
        self._starts, self._ends = array("q"), array("q")  # of a slice; whole files begin at 0 and end at `_WHOLE`
        self.are_files = True
        """Whether each is one file as a whole."""

    def add(self, first: int, count: int, start: int = 0, end: int | None = None) -> None:
        """One more: `count` files from the one with the number `first` on, or a slice of it."""
        self._firsts.append(first)
        self._counts.append(count)
        self._starts.append(start)
        self._ends.append(_WHOLE if end is None else end)
        self.are_files = self.are_files and count == 1 and start == 0 and end is None

    def __len__(self) -> int:
        return len(self._firsts)

    def __getitem__(self, number: int) -> tuple[Slice, ...]:
        first, count, end = self._firsts[number], self._counts[number], self._ends[number]
        files = (self._files[place] for place in range(first, first + count))
        return tuple(Slice(file, self._starts[number], None if end == _WHOLE else end) for file in files)

    def __iter__(self) -> Iterator[tuple[Slice, ...]]:
        return (self[number] for number in range(len(self)))


def whole_files(files: FileList) -> Units:
    """A unit for each file."""
    units = Units(files)
    for number in range(len(files)):
        units.add(number, 1)
    return units


def units_of(files: FileList, unit_bytes: int, cuts_of: Callable[[FileInfo, int], Sequence[int]]) -> Units:
    """What each task reads: a file, a slice of one that is larger than `unit_bytes`, or several small ones.

    cuts_of: places at which a file can be cut to slices of about so many bytes, ascending; see `Reader.cuts`. The order of the files stays.
    It depends on the files alone, so that a run that goes on finds its units again.
    """
    large = [files[number] for number, size in enumerate(files.sizes) if size > unit_bytes]
    with ThreadPoolExecutor(_OPENED) as pool:
        cuts = dict(zip((file.path for file in large), pool.map(lambda file: cuts_of(file, unit_bytes), large), strict=True))
    units = Units(files)
    for first, count in _packs(files.sizes, min(_MOST_BYTES, unit_bytes)):
        ends: list[int | None] = [*(cuts.get(files[first].path, ()) if count == 1 and cuts else ()), None]
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            units.add(first, count, start or 0, end)
    return units


def _packs(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Neighbouring files that one task reads, as the number of the first and how many they are; each alone unless there are many."""
    if len(sizes) <= MANY_FILES:
        yield from ((number, 1) for number in range(len(sizes)))
        return
    full = min(most, max(_LEAST_BYTES, sum(sizes) // MANY_FILES))
    first = together = 0
    for number, size in enumerate(sizes):
        if number > first and (together + size > full or number - first >= _MOST_FILES):
            yield first, number - first
            first, together = number, 0
        together += size
    yield first, len(sizes) - first
