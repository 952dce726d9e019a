"""Processes on this machine: told apart for sure, found by their session, and ended. Reads /proc; standard library only."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rephrase.errors import UserError

_TERMINATION = 3.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken for a later one with the same number: its id, and its start in clock ticks since boot."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this id now; a dead one if there is none."""
        status = _status_of(pid)
        return cls(pid, status.start if status else -1)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        status = _status_of(self.pid)
        return status is not None and status.start == self.start and not status.dead


def find_owner() -> Process:
    """The executor that this process works for: the nearest ancestor that is a JVM, or this process itself.

    Raises `UserError` where there is no /proc.
    """
    if not os.path.exists("/proc/self/stat"):
        raise UserError("a vLLM server of our own needs Linux", where="engine", cure="use `kind: endpoint` with a server that you start")
    pid = os.getpid()
    while pid > 1:
        status = _status_of(pid)
        if status is None:
            break
        if _name_of(pid) == "java":
            return Process.of(pid)
        pid = status.parent
    return Process.of(os.getpid())


def end_members(server: Process) -> None:
    """End all processes of a server's session: asked first, killed after three seconds."""
    deadline = time.monotonic() + _TERMINATION
    asked = False
    while pids := members(server):
        late = time.monotonic() > deadline
        for pid in pids:
            if late or not asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked = True
        time.sleep(0.05)


class _Status(NamedTuple):
    dead: bool
    parent: int
    session: int
    start: int


def _status_of(pid: int) -> _Status | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold spaces
    return _Status(fields[0] in "ZX", int(fields[1]), int(fields[3]), int(fields[19]))


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def members(server: Process) -> list[int]:
    """The ids of the living processes of the server's session, be its first process alive or not."""
    first = _status_of(server.pid)
    if first is not None and first.start != server.start:
        return []  # the number went to another process, which it cannot while the session has members
    return [pid for pid in _pids() if (status := _status_of(pid)) and status.session == server.pid and not status.dead]


def children(pid: int) -> list[int]:
    """The ids of the living processes that this one has started."""
    return [child for child in _pids() if (status := _status_of(child)) and status.parent == pid and not status.dead]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
