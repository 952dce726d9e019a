"""Parts of an input file that tasks read by themselves, and how files are dealt out to tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rephrase.storage.base import FileInfo

MANY_FILES = 256
"""So many are as many tasks; of more, small ones share tasks."""
_LEAST_BYTES = 4 << 20  # at which a unit of small files is full: a second of work, beside which its start weighs little
_MOST_BYTES = 16 << 20  # the same where there is work enough for a cluster
_MOST_FILES = 4096  # in a unit, however small they are
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


def units_of(
    files: Sequence[FileInfo], unit_bytes: int, cuts_of: Callable[[FileInfo, int], Sequence[int]]
) -> tuple[tuple[Slice, ...], ...]:
    """What each task reads: a file, a slice of one that is larger than `unit_bytes`, or several small ones.

    cuts_of: places at which a file can be cut to slices of about so many bytes, ascending; see `Reader.cuts`. The order of the files stays.
    It depends on the files alone, so that a run that goes on finds its units again.
    """
    large = [file for file in files if file.size > unit_bytes]
    with ThreadPoolExecutor(_OPENED) as pool:
        cuts = dict(zip((file.path for file in large), pool.map(lambda file: cuts_of(file, unit_bytes), large), strict=True))
    units: list[tuple[Slice, ...]] = []
    for pack in _packs(files, min(_MOST_BYTES, unit_bytes)):
        if len(pack) > 1:
            units.append(tuple(Slice(file) for file in pack))
            continue
        [file] = pack
        ends: list[int | None] = [*cuts.get(file.path, ()), None]
        units += [(Slice(file, start or 0, end),) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return tuple(units)


def _packs(files: Sequence[FileInfo], most: int) -> Iterator[list[FileInfo]]:
    """Neighbouring files that one task reads; each alone unless there are many."""
    if len(files) <= MANY_FILES:
        yield from ([file] for file in files)
        return
    full = min(most, max(_LEAST_BYTES, sum(file.size for file in files) // MANY_FILES))
    pack: list[FileInfo] = []
    size = 0
    for file in files:
        if pack and (size + file.size > full or len(pack) >= _MOST_FILES):
            yield pack
            pack, size = [], 0
        pack.append(file)
        size += file.size
    if pack:
        yield pack
