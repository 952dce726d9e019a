"""A panic of a library written in Rust, as Python sees it."""

from __future__ import annotations


class PanicException(BaseException):  # its name in pyo3
    """No Exception, so that guards which know nothing of it let it pass."""
