"""Where lines outlive the process that adds them: a file that grows on disk, or small objects of a store that come now and then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from abc import ABC, abstractmethod

from typing_extensions import override

from rephrase import storage
from rephrase.settings.schemes import location

_ENDING = ".jsonl"
_PAUSES = 10  # times what the last object took: a store that is slow, or a machine that is busy, gets larger ones
_SHARE = 0.01  # of the work may be lost: objects grow with it, so that there are some hundreds of them after hours
_SHORTEST, _LONGEST = 0.2, 60.0  # seconds between two objects
_MOST = 8 << 20  # bytes that wait in memory


class Pieces(ABC):
    """Lines that are added to a folder. A place that takes none is no error here: it ends the work at its result, with a better message."""

    @abstractmethod
    async def add(self, lines: bytes) -> None:
        """Keep whole lines, at once or soon."""

    @abstractmethod
    async def close(self, *, needed: bool = True) -> None:
        """Keep what waits still, unless nothing is needed any more."""

    @abstractmethod
    def remove(self) -> None:
        """Remove what these pieces have kept, after their end."""


def pieces_in(folder: str) -> Pieces:
    """Pieces of a name of their own in a folder, which is made with the first line."""
    if storage.is_local(folder):
        return Appended(storage.join(location(folder), f"{uuid.uuid4().hex}{_ENDING}"))
    return Objects(folder)


class Appended(Pieces):
    """A file that grows. The system has what `add` was given, whatever happens to the process."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None
        self._broken = False

    @override
    async def add(self, lines: bytes) -> None:
        # In this thread: to hand some kilobytes to the system takes less time than to wake another.
        if self._broken:
            return
        try:
            if self._file is None:
                os.makedirs(os.path.dirname(self._path), exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            if os.write(self._file, lines) < len(lines):  # the disk is full: what follows would stand in a broken line
                self._broken = True
        except OSError:
            self._broken = True

    @override
    async def close(self, *, needed: bool = True) -> None:
        del needed
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._broken = True

    @override
    def remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path)
            os.rmdir(os.path.dirname(self._path))


class Objects(Pieces):
    """Objects of a store, written in the background: many at first, fewer and larger ones as the work goes on."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lines: list[bytes] = []
        self._bytes = 0
        self._written: list[str] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._began = self._ended = time.monotonic()
        self._took = 0.0  # seconds, by the last object

    @override
    async def add(self, lines: bytes) -> None:
        self._lines.append(lines)
        self._bytes += len(lines)
        if self._bytes > _MOST:
            self._hurry.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._lines:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), self._wait())
                await self._write()
        finally:
            self._writing = None

    def _wait(self) -> float:
        now = time.monotonic()
        pause = min(max(self._took * _PAUSES, (now - self._began) * _SHARE, _SHORTEST), _LONGEST)
        return max(0.0, self._ended + pause - now)

    async def _write(self) -> None:
        lines, self._lines, self._bytes = self._lines, [], 0
        self._hurry.clear()
        if not lines:
            return
        started = time.monotonic()
        path = storage.join(self._folder, f"{uuid.uuid4().hex}{_ENDING}")
        self._written.append(path)
        try:
            with contextlib.suppress(Exception):  # whatever the store says
                await asyncio.to_thread(storage.create, path, b"".join(lines), durable=False)
        finally:
            self._ended = time.monotonic()
            self._took = self._ended - started

    @override
    async def close(self, *, needed: bool = True) -> None:
        if not needed:
            self._lines, self._bytes = [], 0
        if self._writing is not None:
            self._hurry.set()
            await self._writing

    @override
    def remove(self) -> None:
        for path in self._written:
            storage.delete(path)
