"""JSON lines, plain or compressed by gzip or zstd."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.readers.base import Dropped, Item, ReadError, reason_of
from rephrase.readers.codecs import and_compressed
from rephrase.readers.content import Content
from rephrase.readers.fields import FieldReader
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input

MAX_LINE_BYTES = 1 << 28
"""Longer lines are dropped as too long and never held in memory."""
_READ = 1 << 20


@readers.register("jsonl")
class Jsonl(Reader):
    """JSON lines, plain or compressed by gzip or zstd. `input.fields` says what is in which field."""

    title = "JSONL"
    endings = and_compressed(".jsonl", ".json", ".ndjson")

    @override
    def begins(self, head: bytes) -> bool:
        return head.lstrip().startswith(b"{")

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        with closing(storage.open_stream(file.path)) as stream:
            yield from read_jsonl(stream, file.path, config)


def read_jsonl(stream: BinaryIO, file: str, config: Input) -> Iterator[Item]:
    """The documents of one file, a line each. A bad line is a `ReadError` with its number, from 1; blank lines are skipped.

    Where a compressed file is damaged, that place is a `ReadError` in bytes, and reading goes on at the next member; line numbers then
    count the lines that could be read.
    """
    fields = FieldReader(config.fields)
    number = 0
    for line in _lines(stream, file):
        if isinstance(line, ReadError):
            yield line
            continue
        number += 1
        if isinstance(line, Dropped):
            yield line
            continue
        if not line or line.isspace():
            continue
        try:
            row = _parse(line)
            if not isinstance(row, dict):
                raise ValueError("the line is no JSON object")  # noqa: TRY004, TRY301
            yield fields.document(row, len(line))
        except ValueError as error:
            yield ReadError(file, number, "line", reason_of(error))
        except RecursionError:
            yield ReadError(file, number, "line", "the JSON is nested too deeply")


def _parse(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Stricter than Python: it refuses halves of surrogate pairs and NaN, which scraped data is full of.
        return json.loads(line.removeprefix(b"\xef\xbb\xbf"))


def _lines(stream: BinaryIO, file: str) -> Iterator[bytes | Dropped | ReadError]:
    content = Content(stream, file)
    tail = _Tail()
    while content.next_run():
        while data := content.read(_READ):
            yield from tail.split(data)
        if content.damage:
            tail.clear()  # the line that damage cut in two
            yield ReadError(file, content.damage.offset, "byte", content.damage.reason)
    yield from tail.end()


class _Tail:
    """The line that a piece of the file ends in, until the next piece brings its rest."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def split(self, data: bytes) -> Iterator[bytes | Dropped]:
        *whole, rest = data.split(b"\n")
        if whole:
            self._add(whole[0])
            yield from self.end()
            yield from whole[1:]
        self._add(rest)

    def end(self) -> Iterator[bytes | Dropped]:
        size, line = self._size, b"".join(self._parts)
        self.clear()
        if size > MAX_LINE_BYTES:
            yield Dropped("long", size)
        else:
            yield line

    def clear(self) -> None:
        self._parts, self._size = [], 0

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_LINE_BYTES:
            self._parts.clear()
        elif part:
            self._parts.append(part)
