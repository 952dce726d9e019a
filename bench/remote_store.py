"""A folder as an object store that answers as late as S3 does, fails now and then, and counts its requests: for bench/scale.py.

Its locations are `remote://…`. The environment says where it lies (`REMOTE_ROOT`), how many milliseconds a request takes (`REMOTE_MS`),
and of how many one fails (`REMOTE_FAULTS`, none at 0). A process counts in a file of its own below `<root>/.requests`.

A million objects need not be written: with `REMOTE_THERE`, JSON of an `Alike`, the objects that it names are there as well, each with the
content of one template.
"""

from __future__ import annotations

import heapq
import json
import mmap
import os
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rephrase.storage.base import FileInfo, Store, stores
from rephrase.storage.local import Local

ROOT, MILLISECONDS, FAULTS, THERE = "REMOTE_ROOT", "REMOTE_MS", "REMOTE_FAULTS", "REMOTE_THERE"
VERBS = ("PUT", "GET", "HEAD", "LIST", "DELETE")
_LIST_PAGE = 1000  # keys in one answer of S3's ListObjectsV2
_SCHEME = "remote://"


def counted(root: Path) -> Counter[str]:
    """The requests of all processes so far."""
    counts: Counter[str] = Counter()
    for file in (root / ".requests").glob("*"):
        counts.update(dict(zip(VERBS, struct.unpack(f"{len(VERBS)}q", file.read_bytes()), strict=True)))
    return counts


@dataclass(frozen=True, slots=True)
class Alike:
    """Objects of generations over the first so many row groups of documents: `<place>-<documents>-<row group>-0000.parquet`."""

    place: str
    number: int
    groups: int
    """Row groups of an object of documents."""
    template: str
    """A file."""

    def names(self) -> Iterator[str]:
        """In the order of a listing."""
        for number in range(self.number):
            yield self.name(number)

    def name(self, number: int) -> str:
        """Of one of them."""
        return f"{self.place}-{number // self.groups:05d}-{number % self.groups:04d}-0000.parquet"

    def has(self, path: str) -> bool:
        """Whether this is one of them."""
        if not path.startswith(self.place) or path.count("-") < 3:
            return False
        documents, group, _ = path[len(self.place) + 1 :].split("-", 2)
        return int(documents) * self.groups + int(group) < self.number


class _Counts:
    """The requests of this process, in a file that others can read at any time, also when it has been killed."""

    def __init__(self, root: Path) -> None:
        folder = root / ".requests"
        folder.mkdir(exist_ok=True)
        path = folder / f"{os.getpid()}-{time.monotonic_ns()}"
        path.write_bytes(bytes(8 * len(VERBS)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.process = os.getpid()

    def add(self, verb: str, number: int) -> None:
        at = 8 * VERBS.index(verb)
        [before] = struct.unpack_from("q", self._map, at)
        struct.pack_into("q", self._map, at, before + number)


@stores.register("remote")
class Remote(Store):
    """Files below a folder, by the rules of an object store."""

    def __init__(self) -> None:
        self._root = Path(os.environ[ROOT])
        self._seconds = float(os.environ.get(MILLISECONDS, "0")) / 1000
        self._faults = int(os.environ.get(FAULTS, "0"))
        self._local = Local()
        self._counts = _Counts(self._root)
        self._alike = Alike(**json.loads(os.environ[THERE])) if os.environ.get(THERE) else None

    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        del durable
        self._request("PUT")
        return not self._is_alike(path) and self._local.create(self._file(path), data, durable=False)

    def put(self, path: str, data: bytes) -> None:
        self._request("PUT")
        self._local.put(self._file(path), data)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        self._request("GET")
        return self._local.read_range(self._file(path), start, end)

    def size_of(self, path: str) -> int | None:
        self._request("HEAD")
        return self._local.size_of(self._file(path))

    def delete(self, path: str) -> None:
        self._request("DELETE")
        self._local.delete(self._file(path))

    def list_files(self, folder: str) -> Iterator[FileInfo]:
        place = self._file(folder)
        start = len(place.rstrip("/"))
        here = (FileInfo(folder.rstrip("/") + file.path[start:], file.size, file.modified) for file in self._local.list_files(place))
        self._request("LIST")
        for number, file in enumerate(heapq.merge(here, self._list_alike(folder.rstrip("/")))):
            if number and number % _LIST_PAGE == 0:
                self._request("LIST")
            yield file

    def _list_alike(self, folder: str) -> Iterator[FileInfo]:
        if self._alike and self._alike.place.startswith(f"{folder}/"):
            about = os.stat(self._alike.template)
            yield from (FileInfo(name, about.st_size, about.st_mtime) for name in self._alike.names())

    def _is_alike(self, path: str) -> bool:
        return self._alike is not None and self._alike.has(path)

    def _request(self, verb: str) -> None:
        if self._counts.process != os.getpid():  # a worker is a fork
            self._counts = _Counts(self._root)
        self._counts.add(verb, 1)
        time.sleep(self._seconds)
        if self._faults and random.randrange(self._faults) == 0:
            raise ConnectionResetError("the store closed the connection")

    def _file(self, path: str) -> str:
        if self._alike is not None and self._alike.has(path):
            return self._alike.template
        return str(self._root / path.removeprefix(_SCHEME))
