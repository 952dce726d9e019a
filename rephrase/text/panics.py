"""Panics of libraries written in Rust, such as tokenizers: Python knows them as a `BaseException`, past which no guard sees."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_NAME = "PanicException"  # of the module `pyo3_runtime`, from which nothing can be imported


class PanicError(Exception):
    """A text over which a library panicked. What is done with other texts goes on."""


@contextlib.contextmanager
def panics_as_errors() -> Iterator[None]:
    """Raise a panic within the block, or the function that this decorates, as a `PanicError`."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != _NAME:
            raise
        raise PanicError(" ".join(str(error).split())) from error
