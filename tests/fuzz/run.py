"""Tries inputs on one target after the other: what raises, takes over five seconds of processor time, or loses a neighbour is a failure."""

from __future__ import annotations

import logging
import random
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.fuzz.targets import TARGETS

SECONDS = 5.0
_BY_THE_CLOCK = 12  # times as long


class Hang(BaseException):
    """Not an Exception, so that no guard takes it for a damaged input."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `Hang` after so many seconds of processor time, or many more by the clock, on a machine however busy."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang(f"not done in {seconds:g} s" + (" by the clock" if number == signal.SIGALRM else ""))

    before = {number: signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _BY_THE_CLOCK * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def run(name: str, inputs: int, seed: int) -> list[str]:
    """What broke: a line for each such input, with the seed that makes it again."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)  # each refused input has its line
        target = TARGETS[name](folder)
        try:
            for number in range(inputs):
                dice = random.Random(f"{name} {seed} {number}")
                try:
                    with time_limit(SECONDS):
                        target(dice)
                except BaseException as error:  # a panic of a Rust library is no Exception
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    failures.append(f"{name} --seed {seed}, input {number}: {type(error).__name__}: {error}"[:300])
        finally:
            logging.disable(logging.NOTSET)
            getattr(target, "close", lambda: None)()
    return failures
