"""JSON lines, plain or compressed by gzip or zstd; also objects in an array or over several lines."""

from __future__ import annotations

import codecs
import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, BinaryIO

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.readers.base import Dropped, Item, ReadError, reason_of
from rephrase.readers.codecs import and_compressed
from rephrase.readers.content import Content
from rephrase.readers.fields import BadRowError, FieldReader
from rephrase.readers.json_objects import Fault, ObjectSplitter, Row, are_objects_over_lines
from rephrase.readers.line_slices import content_lines, lines_between
from rephrase.readers.member_slices import member_cuts, members_between
from rephrase.readers.partitions import partitions_of
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice

MAX_LINE_BYTES = 1 << 28
"""Longer lines, and objects of an array, are dropped as too long and never held in memory."""
Places = Callable[[int], int]
"""Gives the place of each line, which is asked for with the line's bytes, in the order of the lines."""
_READ = 1 << 20
_HEAD = 1 << 16  # that tells whether objects stand one a line
_BEGINNING = re.compile(rb"[\s\x1e]*(\[\s*)?\{")
_STRING_OR_COMMA = re.compile(rb'("(?:[^"\\]++|\\.)*+")|,(?=\s*+[}\]])', re.DOTALL)
_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16's, which it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_WIDE = {  # of what JSON begins with, without a byte order mark
    "utf-32-le": re.compile(rb"[{\[\s\x1e]\0\0\0"),
    "utf-32-be": re.compile(rb"\0\0\0[{\[\s\x1e]"),
    "utf-16-le": re.compile(rb"[{\[\s\x1e]\0"),
    "utf-16-be": re.compile(rb"\0[{\[\s\x1e]"),
}


@readers.register("jsonl")
class Jsonl(Reader):
    """JSON lines or an array, plain or compressed by gzip or zstd. `input.fields` says what is in which field."""

    title = "JSONL"
    endings = and_compressed(".jsonl", ".json", ".ndjson", ".jsonlines", ".json-seq")

    @override
    def begins(self, head: bytes) -> bool:
        mark, encoding = _encoding_of(head)
        plain = head[len(mark) :]
        return bool(_BEGINNING.match(plain if encoding == "utf-8" else plain.decode(encoding, "replace").encode(errors="replace")))

    @override
    def rows(self, file: storage.FileInfo) -> Iterator[dict[str, Any]]:
        with closing(storage.open_stream(file.path)) as stream:
            for row in _rows(_as_utf8(_pieces(stream, file.path))):
                if isinstance(row, Row) and isinstance(row.value, dict):
                    yield {**partitions_of(file.path), **row.value}

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        with closing(storage.open_stream(file.path)) as stream:
            yield from read_jsonl(stream, file.path, config)

    @override
    def cuts(self, file: storage.FileInfo, size: int) -> Sequence[int]:
        """Bytes, of files with an object a line that are plain, or compressed in many members."""
        with closing(storage.open_stream(file.path)) as stream:
            content = Content(stream, file.path)
            head = content.read(_READ) if content.next_run() else b""
        mark, encoding = _encoding_of(head)
        if not head or encoding != "utf-8" or are_objects_over_lines(head[len(mark) :]):
            return ()
        return member_cuts(file, size) if content.is_compressed else range(size, file.size, size)

    @override
    def read_slice(self, part: Slice, config: Input) -> Iterator[Item]:
        """The lines that begin in it. Places of errors are bytes, as nobody has counted the lines before."""
        file = part.file.path
        fields = FieldReader(config.fields, partitions_of(file))
        with _rows_of_slice(part) as rows:
            for row in rows:
                if isinstance(row, Row):
                    yield fields.item(row.value, file, row.line, "byte", row.size)
                elif isinstance(row, Fault):
                    yield ReadError(file, row.line, "byte", row.reason)
                elif not isinstance(row, ReadError) or row.file:
                    yield row


def read_jsonl(stream: BinaryIO, file: str, config: Input) -> Iterator[Item]:
    """The documents of one file. A bad line is a `ReadError` with its number, from 1; blank lines are skipped.

    So are objects that stand in an array or go over several lines, by the number of their first line. Where a compressed file is damaged,
    that place is a `ReadError` in bytes, and reading goes on at the next member; line numbers then count the lines that could be read.
    """
    fields = FieldReader(config.fields, partitions_of(file))
    for row in _rows(_as_utf8(_pieces(stream, file))):
        if isinstance(row, Row):
            yield fields.item(row.value, file, row.line, "line", row.size)
        elif isinstance(row, Fault):
            yield ReadError(file, row.line, "line", row.reason)
        else:
            yield row


@contextlib.contextmanager
def _rows_of_slice(part: Slice) -> Iterator[Iterator[Row | Fault | Dropped | ReadError]]:
    """The rows of a slice, by their bytes; of a compressed file, by that of the member in which they end.

    An error without a file is none of this slice.
    """
    with closing(storage.open_stream(part.file.path)) as stream:
        is_compressed = Content(stream, part.file.path).is_compressed
    if is_compressed:
        with members_between(part) as content:
            pieces = content_lines(content, part) if content else iter(())
            yield _lines(pieces, lambda _size: content.member_offset if content else 0)
    else:
        with closing(storage.open_stream(part.file.path, max(part.start - 1, 0))) as stream:
            first, lines = lines_between(stream, part.start, part.end)
            yield _lines(lines, _bytes_from(first))


def _rows(pieces: Iterator[bytes | ReadError]) -> Iterator[Row | Fault | Dropped | ReadError]:
    head: list[bytes | ReadError] = []
    plain = b""
    for piece in pieces:
        head.append(piece)
        plain += b"" if isinstance(piece, ReadError) else piece
        if len(plain) >= _HEAD:
            break
    everything = chain(head, pieces)
    return _objects(everything) if are_objects_over_lines(plain) else _lines(everything)


def _objects(pieces: Iterator[bytes | ReadError]) -> Iterator[Row | Fault | Dropped | ReadError]:
    splitter = ObjectSplitter(_parse, MAX_LINE_BYTES)
    for piece in pieces:
        if isinstance(piece, ReadError):
            splitter.lose()
            yield piece
        else:
            yield from splitter.split(piece)
    yield from splitter.end()


def _lines(pieces: Iterator[bytes | ReadError], count: Places | None = None) -> Iterator[Row | Fault | Dropped | ReadError]:
    """The rows of lines, by their numbers, or by other places."""
    place_of = count or _numbers()
    for line in _cut(pieces):
        if isinstance(line, ReadError):
            yield line
            continue
        place = place_of(line.raw_bytes if isinstance(line, Dropped) else len(line))
        if isinstance(line, Dropped):
            yield line
        elif line and not line.isspace():
            try:
                yield Row(place, _parse(line), len(line))
            except ValueError as error:
                if line.strip() != codecs.BOM_UTF8:  # a blank line at the beginning of a slice
                    yield Fault(place, str(error))


def _numbers() -> Places:
    numbers = itertools.count(1)
    return lambda _size: next(numbers)


def _bytes_from(first: int) -> Places:
    """Where lines begin, one after the other."""
    following = first

    def place(size: int) -> int:
        nonlocal following
        following += size + len(b"\n")
        return following - size - len(b"\n")

    return place


def _parse(line: bytes) -> Any:
    """The value of a line. Raises `BadRowError`."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    # Stricter than Python: it refuses halves of surrogate pairs and NaN, which scraped data is full of.
    line = line.strip(b"\x1e\x00 \t\r\n,").removeprefix(codecs.BOM_UTF8)
    try:
        try:
            return json.loads(line, strict=False)
        except json.JSONDecodeError:
            if not _STRING_OR_COMMA.search(line):
                raise
            return json.loads(_STRING_OR_COMMA.sub(rb"\1", line), strict=False)
    except RecursionError as error:
        raise BadRowError("the JSON is nested too deeply") from error
    except Exception as error:  # a foreign line may raise anything
        raise BadRowError(reason_of(error)) from error


def _pieces(stream: BinaryIO, file: str) -> Iterator[bytes | ReadError]:
    """The plain content of a file, with the places where it is damaged."""
    content = Content(stream, file)
    while content.next_run():
        while data := content.read(_READ):
            yield data
        if content.damage:
            yield ReadError(file, content.damage.offset, "byte", content.damage.reason)


def _as_utf8(pieces: Iterator[bytes | ReadError]) -> Iterator[bytes | ReadError]:
    """The pieces without a byte order mark, and recoded where they are UTF-16 or UTF-32."""
    decoder: codecs.IncrementalDecoder | None = None
    begun = False
    for piece in pieces:
        if isinstance(piece, ReadError):
            yield piece
            continue
        data = piece
        if not begun:
            begun = True
            mark, encoding = _encoding_of(piece)
            data = piece[len(mark) :]
            decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("surrogatepass")
        yield data if decoder is None else decoder.decode(data).encode("utf-8", "surrogatepass")


def _encoding_of(head: bytes) -> tuple[bytes, str]:
    """The byte order mark that a file begins with, and its encoding."""
    mark = next((mark for mark in _ENCODINGS if head.startswith(mark)), b"")
    if mark:
        return mark, _ENCODINGS[mark]
    return b"", next((encoding for encoding, pattern in _WIDE.items() if pattern.match(head)), "utf-8")


def _cut(pieces: Iterator[bytes | ReadError]) -> Iterator[bytes | Dropped | ReadError]:
    tail = _Tail()
    for piece in pieces:
        if isinstance(piece, ReadError):
            tail.clear()  # the line that damage cut in two
            yield piece
        else:
            yield from tail.split(piece)
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
