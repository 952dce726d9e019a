"""JSON objects that are not one a line: in an array, written over several lines, or one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import orjson

from rephrase.readers.base import Dropped
from rephrase.text.foreign import storable

_BLANK = b" \t\r\n,\x1e\x00"
"""What may stand between objects: white space, commas, and RFC 7464's record separator; the signs of an array besides."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?P<end>"|\\?\Z)|[{}]', re.DOTALL)
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+(?P<end>"|\\?\Z)', re.DOTALL)
_OPENING = re.compile(rb'\{\s*+"[^"\\]{0,100}+"')
_AGAIN = 1 << 22  # bytes that may be gone through again, besides as many as were read


class Row(NamedTuple):
    """An object, the number of the line that it begins in, and its bytes."""

    line: int
    value: Any
    size: int


class Fault(NamedTuple):
    """What is no object, and the number of the line that it begins in."""

    line: int
    reason: str


def are_objects_over_lines(head: bytes) -> bool:
    """Whether a file that begins so has its objects in an array, or other than one a line."""
    head = head.lstrip(_BLANK)
    if not head.startswith(b"{"):
        return head.startswith(b"[")
    line, _, rest = head.partition(b"\n")
    if _is_object(line):
        return False
    depth = 0
    for token in _TOKEN.finditer(line):
        if token["end"] is not None:
            if token["end"] != b'"':
                return False  # a line that was cut off, or that goes on
            continue
        depth += 1 if token[0] == b"{" else -1
        if depth == 0:
            return line[token.end() :].lstrip(_BLANK).startswith(b"{")
    following = rest.lstrip(b"\r\n")
    return bool(following) and not following.startswith(b"{")


def _is_object(line: bytes) -> bool:
    """Whether it is a whole object and nothing else, told faster than by its signs."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


class ObjectSplitter:
    """Cuts objects out of the pieces of a file and parses them, whatever stands between them.

    Memory is that of one object and one piece, time linear. `parse` raises ValueError; an object of more than `limit` bytes is `Dropped`.
    A quotation mark too many hides where objects end: where one cannot be parsed, others that begin as the first one are looked for in it.
    """

    def __init__(self, parse: Callable[[bytes], Any], limit: int) -> None:
        self._parse, self._limit = parse, limit
        self._line = 1
        self._parts: list[bytes] = []  # of the object that is open
        self._size = self._depth = 0
        self._in_string = self._lost = False
        self._carried = b""
        self._opening: re.Pattern[bytes] | None = None
        self._read = self._again = 0

    def split(self, piece: bytes) -> Iterator[Row | Fault | Dropped]:
        """The objects that end in the next piece of the file."""
        self._read += len(piece)
        yield from self._split([piece])

    def end(self) -> Iterator[Row | Fault | Dropped]:
        """What is left at the end of the file."""
        while self._depth:
            data = b"".join(self._parts)
            yield Fault(self._line, "the JSON object has no end") if self._size <= self._limit else Dropped("long", self._size)
            self._forget(data)
            if again := self._from_next_opening(data):
                yield from self._split([again])

    def lose(self) -> None:
        """Forget the object that is open, as the file is damaged here: what follows may begin amid another."""
        self._forget(b"".join(self._parts))
        self._lost = True

    def _split(self, waiting: list[bytes]) -> Iterator[Row | Fault | Dropped]:
        while waiting:
            piece = self._carried + waiting.pop()
            self._carried = b""
            start = self._to_next_opening(piece) if self._lost else 0  # of what is not handed on yet
            for begins, end in self._bounds(piece, start):
                if begins:
                    yield from self._between(piece[start:end])
                    start = end
                    continue
                data = b"".join([*self._parts, piece[start:end]])
                again = yield from self._object(data, self._size + end - start)
                start = end
                if again:
                    waiting += [piece[end:], again]
                    start = len(piece)
                    break
            rest = piece[start : len(piece) - len(self._carried)]
            line = self._line
            if not self._depth:
                yield from self._between(rest)
            elif again := self._kept(rest):
                yield Fault(line, f"the JSON object does not end within {self._limit:,} bytes")
                waiting.append(again)

    def _object(self, data: bytes, size: int) -> Generator[Row | Fault | Dropped, None, bytes]:
        """Hand an object on; returns what of it is to be gone through again."""
        line = self._line
        self._forget(data)
        if size > self._limit:
            yield Dropped("long", size)
            return b""
        try:
            row = Row(line, self._parse(data), size)
        except ValueError as error:
            yield Fault(line, str(error))
            return self._from_next_opening(data)
        if self._opening is None and (opening := _OPENING.match(data)):
            self._opening = re.compile(rb"[\s,\[]" + re.escape(opening[0]))
        yield row
        return b""

    def _bounds(self, piece: bytes, at: int) -> Iterator[tuple[bool, int]]:
        """Where outermost objects begin (True) and end."""
        if self._in_string:
            rest = _REST_OF_STRING.match(piece)
            assert rest
            at, self._in_string = rest.end(), rest["end"] != b'"'
            if self._in_string:
                self._carried = rest["end"]
                return
        for token in _TOKEN.finditer(piece, at):
            if token["end"] is not None:
                if self._depth and token["end"] != b'"':
                    self._in_string, self._carried = True, token["end"]
            elif token[0] == b"{":
                self._depth += 1
                if self._depth == 1:
                    yield True, token.start()
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    yield False, token.end()

    def _kept(self, part: bytes) -> bytes:
        """Keep a part of the object that is open, if it is not too long; returns what is to be gone through again where it is."""
        before, self._size = self._size, self._size + len(part)
        self._parts.append(part)
        if self._size <= self._limit:
            return b""
        data = b"".join(self._parts)
        if before <= self._limit and (again := self._from_next_opening(data)):
            self._forget(data)
            return again
        self._line += data.count(b"\n")
        self._parts = []
        return b""

    def _forget(self, data: bytes) -> None:
        """Go on after an object."""
        self._line += data.count(b"\n")
        self._parts, self._size, self._depth, self._in_string, self._carried = [], 0, 0, False, b""

    def _from_next_opening(self, data: bytes) -> bytes:
        """What of the data begins as the first object did, to be gone through again."""
        other = self._opening.search(data, 1) if self._opening else None
        again = data[other.start() + 1 :] if other else b""
        if self._again + len(again) > self._read + _AGAIN:
            return b""
        self._again += len(again)
        self._line -= again.count(b"\n")
        return again

    def _to_next_opening(self, piece: bytes) -> int:
        """Where the first object after damage begins; the end of the piece where none does."""
        found = (self._opening or _OPENING).search(piece)
        at = found.start() if found else len(piece)
        self._lost = found is None
        self._line += piece.count(b"\n", 0, at)
        return at

    def _between(self, data: bytes) -> Iterator[Fault]:
        odd = data.strip(_BLANK + b"[]")
        if odd:
            line = self._line + data.count(b"\n", 0, data.index(odd))
            yield Fault(line, f"no JSON object: `{storable(odd[:40].decode(errors='replace'))}`")
        self._line += data.count(b"\n")
