"""A folder as an object store that answers as late as S3 does, fails now and then, and counts its requests: for bench/scale.py.

Its locations are `remote://…`. The environment says where it lies (`REMOTE_ROOT`), how many milliseconds a request takes (`REMOTE_MS`),
and of how many one fails (`REMOTE_FAULTS`, none at 0). A process counts in a file of its own below `<root>/.requests`.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rephrase.storage.base import FileInfo, Store, stores
from rephrase.storage.local import Local

ROOT, MILLISECONDS, FAULTS = "REMOTE_ROOT", "REMOTE_MS", "REMOTE_FAULTS"
VERBS = ("PUT", "GET", "HEAD", "LIST", "DELETE")
_LIST_PAGE = 1000  # keys in one answer of S3's ListObjectsV2
_SCHEME = "remote://"


def counted(root: Path) -> Counter[str]:
    """The requests of all processes so far."""
    counts: Counter[str] = Counter()
    for file in (root / ".requests").glob("*"):
        counts.update(dict(zip(VERBS, struct.unpack(f"{len(VERBS)}q", file.read_bytes()), strict=True)))
    return counts


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

    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        del durable
        self._request("PUT")
        return self._local.create(self._file(path), data, durable=False)

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
        for number, file in enumerate(self._local.list_files(place) if os.path.isdir(place) else ()):
            if number % _LIST_PAGE == 0:
                self._request("LIST")
            yield FileInfo(folder.rstrip("/") + file.path[start:], file.size, file.modified)

    def _request(self, verb: str) -> None:
        if self._counts.process != os.getpid():  # a worker is a fork
            self._counts = _Counts(self._root)
        self._counts.add(verb, 1)
        time.sleep(self._seconds)
        if self._faults and random.randrange(self._faults) == 0:
            raise ConnectionResetError("the store closed the connection")

    def _file(self, path: str) -> str:
        return str(self._root / path.removeprefix(_SCHEME))
