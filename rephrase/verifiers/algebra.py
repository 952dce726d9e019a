"""Whether two mathematical expressions are equal, as Math-Verify says, in a process with a limit on time and memory.

Simplifying may take for ever, and the library's own limit is a signal, which threads cannot have. The limit is of processor time, so that
verdicts do not depend on what else the machine does.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from functools import lru_cache
from pathlib import Path

from rephrase.errors import UserError

_CHILD = Path(__file__).with_name("algebra_child.py")
_SECONDS = 60.0  # for a pair by the clock, on a machine however busy; its processor time is limited over there
_START_SECONDS = 120.0  # to import sympy

_idle: list[_Child] = []
_lock = threading.Lock()


@lru_cache(maxsize=4096)
def same_expression(answer: str, gold: str) -> bool:
    """Whether two expressions in LaTeX are equal. False where that does not come out within the limits.

    Raises `UserError` where Math-Verify cannot be started.
    """
    with _lock:
        child = _idle.pop() if _idle else None
    if child is None or not child.alive:
        child = _Child()
    same = child.ask(answer, gold)
    if same is None:
        child.end()
        return False
    with _lock:
        _idle.append(child)
    return same


class _Child:
    """A process that compares one pair at a time."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(  # noqa: S603  # our own script, by its path
            [sys.executable, str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, answer: str, gold: str) -> bool | None:
        """Its verdict; None where it gave none in time."""
        assert self._process.stdin is not None
        if not self._ready and (first_line := self._line(_START_SECONDS)) != b"ready":
            self.end()
            reason = (first_line or b"").decode(errors="replace") or f"no answer after {_START_SECONDS:g} s"
            raise UserError(f"Math-Verify does not start: {reason}", cure="install the package math-verify, which compares answers")
        self._ready = True
        try:
            self._process.stdin.write(json.dumps([answer, gold]).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        verdict = self._line(_SECONDS)
        return None if verdict is None else verdict == b"1"

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _line(self, seconds: float) -> bytes | None:
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        line, until = b"", time.monotonic() + seconds
        while not line.endswith(b"\n"):
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                return None
            more = os.read(self._process.stdout.fileno(), 1)
            if not more:
                return None
            line += more
        return line.strip()


def _end_all() -> None:
    while _idle:
        _idle.pop().end()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_idle.clear)  # those of the parent answer the parent
