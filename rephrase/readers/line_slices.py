"""The lines that begin in a part of a file: between two bytes of a plain one, or in some members of a compressed one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from rephrase.readers.base import ReadError
from rephrase.readers.content import Content
from rephrase.readers.slices import Slice

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


def content_lines(content: Content, part: Slice) -> Iterator[bytes | ReadError]:
    """What lies between the first newline of these members and the first one behind them, in pieces, with the damage in these members.

    So the line that goes over a cut, or begins at it, is read by the task before the cut; nothing where no line begins in the members.
    Damage behind them, which takes that line along, is told without a file: the next task tells it.
    """
    is_inside = part.start > 0  # a line of the members before
    while content.next_run():
        while data := content.read(_READ):
            newline = data.find(b"\n") if is_inside else -1
            if newline >= 0 or not is_inside:
                is_inside = False
                yield data[newline + 1 :]
        if content.damage:
            is_inside = False
            yield ReadError(part.file.path, content.damage.offset, "byte", content.damage.reason)
    if is_inside or part.end is None:
        return
    content.go_on()
    while content.next_run():
        while data := content.read(_READ):
            newline = data.find(b"\n")
            yield data if newline < 0 else data[:newline]
            if newline >= 0:
                return
        if content.damage:
            yield ReadError("", 0, "byte", "")
            return
