"""The lines of a plain file that begin between two of its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_READ = 1 << 20


def lines_between(stream: BinaryIO, start: int, end: int | None) -> tuple[int, Iterator[bytes]]:
    """The byte at which the first line from `start` on begins, and what follows in pieces, up to the last line that begins before `end`.

    stream: stands at the byte before `start`, which tells whether a line begins there, or at the beginning of the file. No newline comes
    behind the last line.
    """
    first, rest = _first_line(stream, start)
    is_empty = end is not None and first >= end
    return first, iter(()) if is_empty else _until(stream, first, rest, end)


def _first_line(stream: BinaryIO, start: int) -> tuple[int, bytes]:
    """Where the first line from `start` on begins, and what has been read of it and of those behind it."""
    position = start - 1
    while start and (data := stream.read(_READ)):
        newline = data.find(b"\n")
        if newline >= 0:
            return position + newline + 1, data[newline + 1 :]
        position += len(data)
    return position + 1, b""


def _until(stream: BinaryIO, position: int, data: bytes, end: int | None) -> Iterator[bytes]:
    while data or (data := stream.read(_READ)):
        newline = -1 if end is None or position + len(data) < end else data.find(b"\n", max(0, end - 1 - position))
        if newline >= 0:
            yield data[:newline]
            return
        yield data
        position += len(data)
        data = b""
