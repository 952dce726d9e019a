"""The seek table of zstd's seekable format: a skippable frame at a file's end that has the sizes of all frames.

Source: contrib/seekable_format/zstd_seekable_compression_format.md of zstd, version 0.1.0.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

from rephrase import storage

_FOOTER = struct.Struct("<IBI")  # frames, descriptor, magic
_MAGIC = 0x8F92EAB1
_HEAD = struct.Struct("<II")  # of the skippable frame: magic, size
_SKIPPABLE = 0x184D2A5E
_CHECKSUMS = 0x80  # in the descriptor: each entry has one more number
_RESERVED = 0x7C


def frame_starts(file: storage.FileInfo) -> Sequence[int]:
    """Where the frames behind the first one begin, as the table says; empty where there is none, or it does not fit the file."""
    if file.size < _FOOTER.size:
        return ()
    count, descriptor, magic = _FOOTER.unpack(_read(file.path, file.size - _FOOTER.size, _FOOTER.size))
    if magic != _MAGIC or descriptor & _RESERVED:
        return ()
    entry = struct.Struct("<III" if descriptor & _CHECKSUMS else "<II")
    size = entry.size * count + _FOOTER.size
    start = file.size - size - _HEAD.size
    if start < 0:
        return ()
    table = _read(file.path, start, size + _HEAD.size - _FOOTER.size)
    if _HEAD.unpack_from(table) != (_SKIPPABLE, size):
        return ()
    sizes = [numbers[0] for numbers in entry.iter_unpack(table[_HEAD.size :])]
    ends = list(itertools.accumulate(sizes))
    return ends[:-1] if ends and ends[-1] <= start else ()


def _read(path: str, start: int, size: int) -> bytes:
    data = bytearray(size)
    storage.read_into(path, start, memoryview(data))
    return bytes(data)
