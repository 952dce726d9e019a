"""Signals that ask a command to end: Ctrl-C, a closed terminal, and what a cluster sends before it kills."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_deferred: list[list[int]] = []  # signals that came amid blocks which none may break off, by block


class Interrupted(KeyboardInterrupt):
    """The command was asked to end by this signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number  # as shells tell it


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the first signal raise `Interrupted` in the main thread, and the second end the process at once.

    Signals that the caller's shell has this process ignore (`nohup`) stay ignored. Does nothing in other threads, which get no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: handler for number in _SIGNALS if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)}
    level = logging.root.manager.disable
    try:
        for number in before:
            signal.signal(number, _first)
        yield
    finally:
        logging.disable(level)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def kept_handlers() -> Iterator[None]:
    """Undo what the block sets as the handler of Ctrl-C.

    Spark's own talks to its JVM from wherever the main thread is, which may be amid an answer of that JVM.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a first signal take effect at the end of the block. The second ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals: list[int] = []
    _deferred.append(signals)
    try:
        yield
    finally:
        _deferred.pop()
        if signals:
            _first(signals[0], None)


def _first(number: int, _frame: FrameType | None) -> None:
    for other in _SIGNALS:
        if signal.getsignal(other) is _first:
            signal.signal(other, _second)
    if _deferred:
        _deferred[-1].append(number)
        return
    # py4j logs the signal that ends its call as an error, with a traceback, and each call to a JVM that has gone by the same signal.
    logging.disable(logging.ERROR)
    raise Interrupted(number)


def _second(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)  # the JVM sees its input end, and goes too
