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
        found = status_of(pid)
        return cls(pid, found.start if found else -1)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        found = status_of(self.pid)
        return found is not None and found.start == self.start and not found.dead


def find_owner() -> Process:
    """The executor that this process works for: the nearest ancestor that is a JVM, or this process itself.

    Raises `UserError` where there is no /proc.
    """
    if not os.path.exists("/proc/self/stat"):
        raise UserError("a vLLM server of our own needs Linux", where="engine", cure="use `kind: endpoint` with a server that you start")
    pid = os.getpid()
    while pid > 1:
        found = status_of(pid)
        if found is None:
            break
        if command_of(pid) == "java":
            return Process.of(pid)
        pid = found.parent
    return Process.of(os.getpid())


def end_members(server: Process) -> None:
    """End all processes of a server's session: asked first, killed after three seconds."""
    deadline = time.monotonic() + _TERMINATION
    asked = False
    while left := members(server):
        late = time.monotonic() > deadline
        for pid in left:
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


def status_of(pid: int) -> _Status | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold spaces
    return _Status(fields[0] in "ZX", int(fields[1]), int(fields[3]), int(fields[19]))


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def members(server: Process) -> list[int]:
    """Living processes of the server's session, be its first process alive or not."""
    first = status_of(server.pid)
    if first is not None and first.start != server.start:
        return []  # the number went to another process, which it cannot while the session has members
    return [pid for pid in _pids() if (found := status_of(pid)) and found.session == server.pid and not found.dead]


def children(pid: int) -> list[int]:
    """Living processes that this one has started."""
    return [child for child in _pids() if (found := status_of(child)) and found.parent == pid and not found.dead]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
