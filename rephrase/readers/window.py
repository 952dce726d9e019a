"""A web archive's stream that can be gone back in, to look for the next record after damage."""

from __future__ import annotations

from rephrase.readers.compressed import Readable

RECORD_END = b"\r\n\r\n"
"""Ends the head of a record, and its content once more."""

_KEPT = 1 << 25  # plain bytes kept of the current record to search for the next one after damage


class Window:
    """A stream that remembers what it gave, from a mark on, so that reading can go on elsewhere after damage."""

    def __init__(self, plain: Readable) -> None:
        self._plain = plain
        self._kept = bytearray()
        self._base = 0  # position of the first kept byte
        self._at = 0  # position of the next byte to give
        self.failure: BaseException | None = None
        """What the stream below raised: a fault of the disk or the network, never to be taken for damage of the file."""

    def tell(self) -> int:
        """The position of the next byte that `read` gives."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` next bytes (what is there at once if negative); `b""` at the end."""
        ahead = self._base + len(self._kept) - self._at
        if ahead:
            start = self._at - self._base
            data = bytes(self._kept[start : start + size] if size >= 0 else self._kept[start:])
        else:
            try:
                data = self._plain.read(size)
            except BaseException as error:
                self.failure = error
                raise
            self._kept += data
            if len(self._kept) > _KEPT:
                self.forget_before(self._base + len(self._kept) - _KEPT // 2)
        self._at += len(data)
        return data

    def forget_before(self, position: int) -> None:
        """Let go of what was kept before a position, which cannot be moved back to any more."""
        count = min(position, self._at) - self._base
        if count > 0:
            del self._kept[:count]
            self._base += count

    @property
    def end(self) -> int:
        """The position after the last byte that was read from the stream."""
        return self._base + len(self._kept)

    def move_to(self, position: int) -> None:
        """Go on reading at a position that is still kept."""
        self._at = position

    def find(self, mark: bytes, start: int) -> int:
        """The first position of `mark` at or after `start`; -1 if there is none up to the end of the stream."""
        while True:
            index = self._kept.find(mark, max(start - self._base, 0))
            if index >= 0:
                return self._base + index
            self._at = self._base + len(self._kept)
            self.forget_before(self._at - len(mark) + 1)
            if not self.read(1 << 16):
                return -1

    def end_of_head(self, start: int) -> int:
        """Where the header of the record that starts at `start` ends, as far as it is known; else `start`."""
        index = self._kept.find(RECORD_END, start - self._base) if start >= self._base else -1
        return self._base + index + len(RECORD_END) if index >= 0 else start
