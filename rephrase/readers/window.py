"""A part of a stream that can be searched and gone back in, to look for the next record after damage."""

from __future__ import annotations

import re

from rephrase.readers.compressed import Readable

_READ = 1 << 16
_OVERLAP = 1 << 8  # bytes of what a pattern matches, at most


class Window:
    """The bytes of a stream from where they were let go of to where it has been read. Positions count from the stream's beginning."""

    def __init__(self, plain: Readable) -> None:
        self._plain = plain
        self._kept = bytearray()
        self._base = 0  # position of the first kept byte

    @property
    def end(self) -> int:
        """The position after the last byte that was read from the stream."""
        return self._base + len(self._kept)

    def fill(self, position: int) -> bool:
        """Read up to a position; False if the stream ends before it."""
        while self.end < position:
            data = self._plain.read(_READ)
            if not data:
                return False
            self._kept += data
        return True

    def forget_before(self, position: int) -> None:
        """Let go of what stands before a position."""
        count = min(position - self._base, len(self._kept))
        if count > 0:
            del self._kept[:count]
            self._base += count

    def between(self, start: int, end: int) -> bytes:
        """What is kept between two positions."""
        return bytes(self._kept[start - self._base : end - self._base])

    def match(self, pattern: re.Pattern[bytes], start: int) -> int:
        """Where a match that begins at `start` ends; -1 if there is none."""
        match = pattern.match(self._kept, start - self._base)
        return self._base + match.end() if match else -1

    def search(self, pattern: re.Pattern[bytes], start: int, end: int) -> int:
        """The first position from `start` to before `end` at which a match begins in what was read; -1 if there is none."""
        match = pattern.search(self._kept, start - self._base, end - self._base)
        return self._base + match.start() if match else -1

    def find(self, pattern: re.Pattern[bytes], start: int, end: int | None = None, *, forget: bool = True) -> int:
        """As `search`, in what is yet to be read too, up to `end` or the stream's; -1 if there is none. Lets go of what was searched."""
        while True:
            last = self.end if end is None else min(self.end, end)
            position = self.search(pattern, start, last)
            if position >= 0 or last == end:
                return position
            start = max(start, last - _OVERLAP)
            if forget:
                self.forget_before(start)
            if not self.fill(self.end + 1):
                return -1
