"""Panics of libraries written in Rust, such as tokenizers: Python knows them as a `BaseException`, past which no guard sees."""

from __future__ import annotations

from contextlib import ContextDecorator
from types import TracebackType

_NAME = "PanicException"  # of the module `pyo3_runtime`, from which nothing can be imported


class PanicError(Exception):
    """A text over which a library panicked. What is done with other texts goes on."""


class _Guard(ContextDecorator):
    """A class, as a generator would cost more than many a call that it guards."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        if type(error).__name__ == _NAME:
            raise PanicError(" ".join(str(error).split())) from error


_GUARD = _Guard()


def panics_as_errors() -> _Guard:
    """Raise a panic within the block, or the function that this decorates, as a `PanicError`."""
    return _GUARD
