"""What a store is: where the objects of one URL scheme lie. A store of a user's package is registered by its scheme."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, cast

from rephrase.settings import schemes
from rephrase.settings.kinds import Kinds
from rephrase.storage.ranged import RangedObject

_RANGE_BYTES = 1 << 20  # read-ahead of a ranged read: a Parquet footer and small row groups come with one request


@dataclass(frozen=True, slots=True, order=True)
class FileInfo:
    """A stored file: its location, its size in bytes, and when it was stored (Unix time; 0 where that was not asked)."""

    path: str
    size: int
    modified: float = field(default=0.0, compare=False)


class Store(ABC):
    """The objects of one URL scheme. What it raises for users to mend are `UserError`s; FileNotFoundError where there is no object.

    All locations are whole URLs, `scheme://…`. A store is made once a process, and is used by many threads.
    """

    read_only: ClassVar[bool] = False
    """Whether input comes from it and nothing goes to it."""
    survives_fork: ClassVar[bool] = True
    """Whether a process that is forked from one that has used the store can use it."""

    @abstractmethod
    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        """Store `data`, one part after the other, if nothing is there yet; True where this call stored it.

        The pipeline rests on it: an object appears whole or not at all, and of many callers at once, on any machines, exactly one succeeds.
        What is not `durable` may be cut off if a machine stops; a store is free to keep it like all else.
        """

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Store `data`, replacing what was there at once."""

    @abstractmethod
    def read_range(self, path: str, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`; fewer where the object ends. Raises FileNotFoundError."""

    @abstractmethod
    def size_of(self, path: str) -> int | None:
        """An object's bytes; None where there is none."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove an object, if it is there."""

    @abstractmethod
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        """All objects below a folder (whose name ends with a slash or not), sorted by path, without hidden ones: `.…` at any depth."""

    # What follows from these, for stores that cannot do it better.

    def about(self, path: str) -> FileInfo | None:
        """An object's size, and when it was stored; None where there is none."""
        size = self.size_of(path)
        return None if size is None else FileInfo(path, size)

    def create_from(self, path: str, local: str) -> bool:
        """Store a local file's content as `create` does."""
        with open(local, "rb") as file:
            return self.create(path, [file.read()])

    def exists(self, path: str) -> bool:
        """Whether an object is there."""
        return self.size_of(path) is not None

    def read_into(self, path: str, start: int, buffer: memoryview) -> int:
        """Fill the buffer with what the object has from `start`; how many bytes that are. Raises FileNotFoundError."""
        data = self.read_range(path, start, start + len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def open_stream(self, path: str, start: int = 0) -> BinaryIO:
        """A stream for reading from a byte to the end. Raises FileNotFoundError."""
        stream = self.open_random(path)
        if start:
            stream.seek(start)
        return stream

    def open_random(self, path: str) -> BinaryIO:
        """A stream that can seek. Raises FileNotFoundError."""
        return buffered(RangedObject(self.read_range, path, self.size_of(path)))


stores: Kinds[type[Store]] = schemes.stores
"""All stores by their URL schemes; `@stores.register("gs")` adds one. Paths without a scheme are the local file system's."""
stores.base = Store


def buffered(raw: io.RawIOBase) -> BinaryIO:
    """A raw stream of an object, read a megabyte at a time."""
    return cast("BinaryIO", io.BufferedReader(raw, _RANGE_BYTES))


def join(base: str, *parts: str) -> str:
    """A location below another."""
    return "/".join([base.rstrip("/"), *(p.strip("/") for p in parts)])


def name_of(path: str) -> str:
    """The last part of a location."""
    return path.rstrip("/").rsplit("/", 1)[-1]
