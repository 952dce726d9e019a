"""The syntax of programs, by tree-sitter and by Python's own compiler, in a process with a limit on time and memory.

Both are made for programs of one's own: a text from anywhere may take a parser gigabytes, or the process down with it.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

from rephrase.errors import UserError
from rephrase.text.code.languages import programming_languages

_CHILD = Path(__file__).with_name("syntax_child.py")
_SECONDS = 120.0  # for a program by the clock, on a machine however busy; its processor time is limited over there
_READ = 1 << 16

_idle: list[_Child] = []
_lock = threading.Lock()


def syntax_errors(program: str, language: str) -> int | None:
    """How many places of a program its language does not allow; None where that does not come out within the limits.

    language: a name of languages.yaml. Python's compiler tells of the first alone; for other languages these are the places that are not
    understood by the grammar of tree-sitter or lack something. Raises `UserError` where tree-sitter cannot be started.
    """
    task: Literal["compile", "errors"] = "compile" if language == "Python" else "errors"
    errors: int | None = _ask(task, programming_languages()[language].grammar, program)
    return errors


def syntax_pieces(program: str, language: str) -> list[list[Any]] | None:
    """What a program is made of, as nested pieces `[begin, line, end, pieces]` in bytes; see syntax_child.py. None and errors as above."""
    pieces: list[list[Any]] | None = _ask("pieces", programming_languages()[language].grammar, program)
    return pieces


def grammar_version(language: str) -> str:
    """The version of what judges programs of a language: Python's own, or that of the grammar's package."""
    if language == "Python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    return importlib.metadata.version(programming_languages()[language].grammar.split(".", maxsplit=1)[0].replace("_", "-"))


def _ask(task: Literal["compile", "errors", "pieces"], grammar: str, program: str) -> Any:
    with _lock:
        child = _idle.pop() if _idle else None
    if child is None or not child.alive:
        child = _Child()
    answer = child.ask(json.dumps([task, grammar, program]).encode() + b"\n")
    if answer is None:
        child.end()
        return None
    with _lock:
        _idle.append(child)
    return json.loads(answer)


class _Child:
    """A process that looks at one program at a time."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(  # noqa: S603  # our own script, by its path
            [sys.executable, str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        first_line = self._line()
        if first_line != b"ready\n":
            self.end()
            reason = (first_line or b"").decode(errors="replace").strip() or f"no answer after {_SECONDS:g} s"
            raise UserError(f"tree-sitter does not start: {reason}", cure="install the package tree-sitter, which reads programs")

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, request: bytes) -> bytes | None:
        """Its answer; None where it gave none in time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except OSError:
            return None
        return self._line()

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _line(self) -> bytes | None:
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        parts, until = [b""], time.monotonic() + _SECONDS
        while not parts[-1].endswith(b"\n"):
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                return None
            parts.append(os.read(self._process.stdout.fileno(), _READ))
            if not parts[-1]:
                return None
        return b"".join(parts)


def _end_all() -> None:
    while _idle:
        _idle.pop().end()


atexit.register(_end_all)
os.register_at_fork(after_in_child=_idle.clear)  # those of the parent answer the parent
