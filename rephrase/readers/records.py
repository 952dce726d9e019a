"""The records of a web archive (ISO 28500), each checked against what follows it, so that none holds another's bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rephrase.readers.compressed import Readable
from rephrase.readers.heads import BLANK_LINE, Head
from rephrase.readers.window import Window

MAX_CONTENT_BYTES = 1 << 26
"""Of a record that is kept in memory. Larger ones are passed over."""

_MAX_HEAD_BYTES = 1 << 20
_AFTER = 1 << 7  # bytes behind a record that tell whether the next one begins there
_START = re.compile(rb"WARC/\d{1,3}\.\d{1,3}[ \t]{0,8}\r?\n(?=[!-9;-~]{1,64}[ \t]{0,8}:)", re.IGNORECASE)
_MAGIC = b"warc/"
_LINE_ENDS = re.compile(rb"[\r\n]*")
_PADDING = re.compile(rb"[\r\n \0]*")
_NUMBER = re.compile(r"[0-9]{1,18}")
_WRONG_LENGTH = "the record is longer or shorter than it says"


@dataclass(frozen=True, slots=True)
class Record:
    """A whole record. Its content can be had until the next one is asked for."""

    position: int
    head: Head
    length: int
    """Of its content, in bytes."""
    end: int
    """The position after its content."""
    window: Window

    @property
    def is_kept(self) -> bool:
        """Whether it is small enough to have its content."""
        return self.length <= MAX_CONTENT_BYTES

    def content(self) -> bytes:
        """The content of a record that is kept."""
        return self.window.between(self.end - self.length, self.end)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A place where a record cannot be read. `end`: the position after what is known to be lost."""

    position: int
    end: int
    reason: str


def is_start(head: bytes) -> bool:
    """Whether these bytes begin a record."""
    return _START.match(head) is not None


def records(plain: Readable, *, is_resumed: bool = False) -> Iterator[Record | BadRecord]:
    """The records of a stream, and the places that hold none. Holds some 64 MiB of it.

    A record ends where its length says if the next record, the end, or at least the blank lines between records follow there, and if its
    content does not end with a record of its own: then it was cut and written on. Else the next record begins wherever one can begin.
    `is_resumed`: the stream begins after damage that is told elsewhere.
    """
    window = Window(plain)
    position = 0
    while True:
        window.forget_before(position)
        start = position = _after(window, _LINE_ENDS, position)
        if not _starts_at(window, position):
            position = _after(window, _PADDING, position)
            if not window.fill(position + 1):
                return
            position = window.find(_START, position)
            if not is_resumed:
                end = window.end if position < 0 else position
                yield BadRecord(start, end, f"no record begins here: {end - start:,} bytes are skipped")
            if position < 0:
                return
        is_resumed = False
        record = _read(window, position)
        yield record
        position = record.end


def _after(window: Window, pattern: re.Pattern[bytes], position: int) -> int:
    """The position after all that a pattern takes; any number of bytes."""
    while window.fill(position + 1):
        end = window.match(pattern, position)
        if end < window.end:
            return end
        position = end
        window.forget_before(position)
    return position


def _starts_at(window: Window, position: int) -> bool:
    window.fill(position + _AFTER)
    return window.match(_START, position) >= 0


def _next_start(window: Window, start: int, end: int) -> int:
    """Where a record can begin between two positions of what was read; -1 if nowhere."""
    # A pattern for both cases looks at every byte of every page; a plain search skips through them ten times as fast.
    at = window.between(start, end).lower().find(_MAGIC)
    return window.search(_START, start + at, end) if at >= 0 else -1


def _read(window: Window, position: int) -> Record | BadRecord:
    """The record that begins at a position."""
    blank = window.find(BLANK_LINE, position, position + _MAX_HEAD_BYTES, forget=False)
    inner = _next_start(window, position + 1, blank if blank >= 0 else window.end)
    if blank < 0 or inner >= 0:
        return _bad(window, position, position + 1, "the head of a record does not end")
    head = Head(window.between(position, blank))
    content = window.match(BLANK_LINE, blank)
    lengths = _lengths(head)
    if not lengths:
        stated = head.get("content-length")
        return _bad(window, position, content, f"the length of a record is `{stated[:40]}`" if stated else "a record without a length")
    for length in lengths:
        if length <= MAX_CONTENT_BYTES and _fits(window, content, content + length):
            return Record(position, head, length, content + length, window)
    length = max(lengths)
    if length > MAX_CONTENT_BYTES:
        return _pass_over(window, position, head, length, content)
    missing = content + length - window.end
    return _bad(window, position, content, _ends_early(missing) if missing > 0 else _WRONG_LENGTH)


def _lengths(head: Head) -> list[int]:
    return list(dict.fromkeys(int(value) for value in head.all("content-length") if _NUMBER.fullmatch(value)))


def _ends_early(missing: int) -> str:
    return f"the file ends inside a record, {missing:,} bytes early"


def _bad(window: Window, position: int, search_from: int, reason: str) -> BadRecord:
    """A record that cannot be read, up to where the next one begins."""
    following = window.find(_START, search_from)
    return BadRecord(position, following if following >= 0 else window.end, reason)


def _fits(window: Window, start: int, end: int) -> bool:
    """Whether a record's content can be what lies between two positions."""
    if not window.fill(end):
        return False
    window.fill(end + _AFTER)
    after = window.match(_LINE_ENDS, end)
    is_followed = not window.fill(after + 1) or _starts_at(window, after)
    inner = _next_start(window, start, end)
    if inner < 0:
        return is_followed or window.match(BLANK_LINE, end) >= 0  # what follows may be damaged itself
    return is_followed and not _ends_with_record(window, inner, end)


def _ends_with_record(window: Window, inner: int, end: int) -> bool:
    """Whether one of the records that begin between two positions says that its content ends at the second.

    Of an archive in an archive the last record does not: blank lines follow it.
    """
    while inner >= 0:
        following = _next_start(window, inner + 1, end)
        blank = window.search(BLANK_LINE, inner, following if following >= 0 else end)
        if blank >= 0:
            content = window.match(BLANK_LINE, blank)
            if any(content + length == end for length in _lengths(Head(window.between(inner, blank)))):
                return True
        inner = following
    return False


def _pass_over(window: Window, position: int, head: Head, length: int, content: int) -> Record | BadRecord:
    """A record that is too large to be kept: it ends early if another begins in it."""
    end = content + length
    inner = window.find(_START, content, end)
    if inner >= 0:
        return BadRecord(position, inner, _WRONG_LENGTH)
    if window.end < end:
        return BadRecord(position, window.end, _ends_early(end - window.end))
    if not _fits(window, end, end):
        return _bad(window, position, end, _WRONG_LENGTH)
    return Record(position, head, length, end, window)
