"""Calls of many processes to one server: side by side, or one of them alone while the others wait."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

_POLL = 0.05  # seconds


class Turns:
    """Two locks in the server's folder, which the kernel lets go of when a process dies.

    Who wants to be alone closes the gate first, so that new calls wait and those under way come to their end.
    """

    def __init__(self, folder: Path) -> None:
        self._gate, self._calls = folder / "gate", folder / "calls"

    @contextlib.asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Beside other calls."""
        with _lock_file(self._calls) as calls:
            with _lock_file(self._gate) as gate:
                await _lock(gate, fcntl.LOCK_SH)
                await _lock(calls, fcntl.LOCK_SH)
            yield

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """With no other call on the server."""
        with _lock_file(self._gate) as gate, _lock_file(self._calls) as calls:
            await _lock(gate, fcntl.LOCK_EX)
            await _lock(calls, fcntl.LOCK_EX)
            yield


def calls_under_way(folder: Path) -> bool:
    """Whether any process has a call on the server of this folder."""
    with _lock_file(folder / "calls") as calls:
        try:
            fcntl.flock(calls, fcntl.LOCK_EX | fcntl.LOCK_NB)  # for a moment, which no caller notices: they poll
        except BlockingIOError:
            return True
    return False


def _lock_file(path: Path) -> IO[str]:
    return open(path, "a", encoding="utf-8")


async def _lock(file: IO[str], kind: int) -> None:
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_POLL)
        else:
            return
