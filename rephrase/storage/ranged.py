"""Random access to an object of a store that gives ranges of bytes."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from typing_extensions import override

from rephrase.errors import UserError

_READERS = 16  # requests at a time


class RangedObject(io.RawIOBase):
    """An object as a stream that can seek: each read asks `read_range` (path, start, end) for the bytes. Raises FileNotFoundError."""

    def __init__(self, read_range: Callable[[str, int, int], bytes], path: str, size: int | None) -> None:
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "no such object", path)
        self._read_range, self._path, self._size, self._at = read_range, path, size, 0
        self._ahead: list[tuple[int, bytes]] = []  # start, content

    def read_ahead(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Ask for byte ranges (start, end), many at once. What is read of them later is there. Ranges beyond the object are left out."""
        ranges = [(start, end) for start, end in ranges if 0 <= start < end <= self._size]
        with ThreadPoolExecutor(_READERS) as pool:
            contents = pool.map(lambda span: self._bytes(*span), ranges)
            self._ahead = [(start, content) for (start, _), content in zip(ranges, contents, strict=True)]

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    @override
    def tell(self) -> int:
        return self._at

    @override
    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        there = (content[self._at - start : end - start] for start, content in self._ahead if start <= self._at < start + len(content))
        body = next(there, None) or self._bytes(self._at, end)
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)

    @override
    def readall(self) -> bytes:
        """The rest by one request, where Python would ask for 8 KB at a time."""
        start, self._at = self._at, max(self._at, self._size)
        return self._bytes(start, self._size) if start < self._size else b""

    def _bytes(self, start: int, end: int) -> bytes:
        """What a store raises of its own is no fault of the content, for which who reads it would take it."""
        try:
            return self._read_range(self._path, start, end)
        except (UserError, FileNotFoundError):
            raise
        except Exception as error:
            what = f"the store does not give the object: {type(error).__name__}: {error}"
            raise UserError(what, where=self._path, cure="run again; it goes on where it was") from error
