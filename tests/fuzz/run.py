"""Tries cases on one target after the other: what raises, takes too long or too much memory, or loses a neighbour is a failure."""

from __future__ import annotations

import logging
import random
import re
import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from tests.fuzz.targets import TARGETS

SECONDS = 10.0
MEMORY_MIB = 1536
_BY_THE_CLOCK = 6  # times as long
_MEMORY = Path("/proc/self/status")
_PEAK = Path("/proc/self/clear_refs")

# Of a thousand cases, so that each takes its part of the time: a case of `answers` costs ten of `slices`.
_SHARES = {
    "answers": 20,
    "readers": 200,
    "slices": 170,
    "archives": 30,
    "configs": 150,
    "manifests": 100,
    "labelled": 150,
    "parsers": 30,
    "checks": 50,
    "verifiers": 40,
    "passages": 60,
}


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


@contextmanager
def memory_limit(mebibytes: int) -> Iterator[None]:
    """Raise `MemoryError` at the end of what has held so much more at any time than at its beginning, on Linux."""
    with suppress(OSError):
        _PEAK.write_text("5")  # the peak begins anew
    before = _held("VmRSS")
    yield
    if (more := _held("VmHWM") - before) > mebibytes:
        raise MemoryError(f"held {more} MiB more than before")


def _held(name: str) -> int:
    """A figure of this process in MiB; 0 where the kernel does not tell."""
    try:
        match = re.search(rf"^{name}:\s+(\d+) kB", _MEMORY.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) // 1024 if match else 0


def shares(cases: int) -> Mapping[str, int]:
    """How many cases of each target make so many together."""
    assert set(_SHARES) == set(TARGETS)
    return {name: max(1, round(cases * share / sum(_SHARES.values()))) for name, share in _SHARES.items()}


def run(name: str, cases: int, seed: int) -> list[str]:
    """What broke: a line for each such case, with the seed that makes it again."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)  # each refused input has its line
        target = TARGETS[name](folder)
        try:
            for number in range(cases):
                dice = random.Random(f"{name} {seed} {number}")
                try:
                    with time_limit(SECONDS), memory_limit(MEMORY_MIB):
                        target(dice)
                except BaseException as error:  # a panic of a Rust library is no Exception
                    if isinstance(error, KeyboardInterrupt):
                        raise
                    failures.append(f"{name} --seed {seed}, case {number}: {type(error).__name__}: {error}"[:300])
        finally:
            logging.disable(logging.NOTSET)
            getattr(target, "close", lambda: None)()
    return failures
