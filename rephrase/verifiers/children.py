"""Processes that answer questions: what may take for ever, or runs foreign text through much code, is done in one of them."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rephrase.errors import UserError

_START_SECONDS = 120.0  # to import what it needs
_CHUNK = 1 << 16


class Children:
    """Processes of one script, each of which answers one question at a time: lines of JSON, see `serving.py`.

    Args:
        script: Its file.
        name: What it runs, for errors.
        cure: What to do where it does not start.
        seconds: For an answer by the clock, on a machine however busy; processor time is limited over there.

    """

    def __init__(self, script: Path, name: str, cure: str, seconds: float = 60.0) -> None:
        self._script, self._name, self._cure, self._seconds = script, name, cure, seconds
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self._forget)

    def ask(self, question: Any) -> Any:
        """The answer to a question; None where it gave none in time. Raises `UserError` where the script does not start."""
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is None or not child.alive:
            child = _Child(self._script)
        line = child.ask(json.dumps(question).encode(), self._seconds)
        if line is None:
            reason = child.end()
            if reason is not None:
                raise UserError(f"{self._name} does not start: {reason}", cure=self._cure)
            return None
        with self._lock:
            self._idle.append(child)
        return json.loads(line)

    def end(self) -> None:
        """End those that are idle; the next question starts another one."""
        while self._idle:
            self._idle.pop().end()

    def _forget(self) -> None:
        self._idle = []  # those of the parent answer the parent
        self._lock = threading.Lock()


class _Child:
    def __init__(self, script: Path) -> None:
        path = os.pathsep.join(part for part in sys.path if part)
        self._process = subprocess.Popen(  # noqa: S603  # our own script, by its path
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._told: str | None = f"no answer after {_START_SECONDS:g} s"
        self._waiting = b""

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, line: bytes, seconds: float) -> bytes | None:
        """Its answer; None where it gave none in time, or did not start."""
        assert self._process.stdin is not None
        if self._told is not None:
            first_line = self._line(_START_SECONDS)
            if first_line != b"ready":
                self._told = (first_line or b"").decode(errors="replace") or self._told
                return None
            self._told = None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        return self._line(seconds)

    def end(self) -> str | None:
        """Kill it. Returns why it did not start, if so."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return self._told

    def _line(self, seconds: float) -> bytes | None:
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        until = time.monotonic() + seconds
        parts = [self._waiting]
        while b"\n" not in parts[-1]:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                return None
            more = os.read(self._process.stdout.fileno(), _CHUNK)
            if not more:
                return None
            parts.append(more)
        line, _, self._waiting = b"".join(parts).partition(b"\n")
        return line.strip()
