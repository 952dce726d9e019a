"""The console of the stages, and the line that comes when nothing else does."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.live import spans
from rephrase.live.events import EventLog
from rephrase.live.plain_console import PlainConsole
from rephrase.live.words import span

EVERY = 15.0  # seconds between two lines of a log
_GRACE = 2.0  # seconds more, after which the line comes without those who know best what goes on
_POLL = 0.5


class _Console(PlainConsole):
    """Knows when it was last written to."""

    printed_at = 0.0
    """By the monotonic clock."""

    @override
    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **options)
        self.printed_at = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since the last line."""
        return time.monotonic() - self.printed_at


console = _Console(stderr=True)

Words = Callable[[], str]
_doing: list[Words] = []
_events: list[EventLog] = []


@contextlib.contextmanager
def at_work(stage: str, output: str) -> Iterator[None]:
    """Print a line whenever none came for 15 seconds while a stage works, and keep its events in the run's log.

    From a thread of its own: the line also comes while this one waits for a store, or for Spark.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_print_lines, args=(stage, ended), daemon=True)
    console.printed_at = time.monotonic()
    log = _log_of(output)
    _events.append(log)
    thread.start()
    try:
        with spans.span(f"{stage} stage", stage=stage, output=output):
            yield
    except BaseException as error:
        event("error", stage=stage, error=error.line() if isinstance(error, UserError) else repr(error))
        raise
    finally:
        ended.set()
        _events.remove(log)
        log.close()


@contextlib.contextmanager
def doing(words: Words) -> Iterator[None]:
    """What the line says that comes when nothing else does. It is asked from another thread; empty words make no line."""
    _doing.append(words)
    try:
        yield
    finally:
        _doing.remove(words)


def event(name: str, **fields: Any) -> None:
    """Keep an event in the log of the run whose stage is at work, if there is one."""
    spans.event(name, fields)
    if _events:
        _events[-1].add(name, **fields)


@functools.cache
def _log_of(output: str) -> EventLog:
    """One for all stages of a command."""
    return EventLog(output)


def _print_lines(stage: str, ended: threading.Event) -> None:
    started = time.monotonic()
    while not ended.wait(_POLL):
        if console.silence >= EVERY + _GRACE:
            line = f"{stage}: at work for {span(time.monotonic() - started)}"
            with contextlib.suppress(Exception):  # of words whose block has just ended, or whose counts just change
                line = _doing[-1]() if _doing else line
            if line:
                console.print(line, soft_wrap=True)
            else:  # a display shows it
                console.printed_at = time.monotonic()
