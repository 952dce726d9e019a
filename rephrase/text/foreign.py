"""Text from outside made fit to be stored: what UTF-8 cannot hold is replaced, what nobody can read is left out."""

from __future__ import annotations

import re
from typing import Any

_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Tabs and line breaks stay. NUL, escapes of terminals and the like are in no text that a person wrote.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_DEEPEST = 32  # levels of a value that are looked at; nothing of ours has more than four


def without_surrogates(text: str) -> str:
    r"""The text with pairs of surrogates joined to the characters that they stand for, and lone ones replaced by U+FFFD.

    >>> without_surrogates("half \ud83d, whole \ud83c\udf0a")
    'half �, whole 🌊'
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if _SURROGATE.search(text) else text


def readable(text: str) -> str:
    r"""The text without control characters but tabs and line breaks, and without lone surrogates; line breaks are `\n`.

    >>> readable("The tide\x00 rises.\r\n")
    'The tide rises.\n'
    """
    return _UNREADABLE.sub("", without_surrogates(text)).replace("\r\n", "\n").replace("\r", "\n")


def readable_values(value: Any, depth: int = 0) -> Any:
    """A JSON value with all its strings `readable`. Raises `ValueError` for what nests too deep, and for integers beyond 64 bits."""
    if depth > _DEEPEST:
        raise ValueError("the value nests too deep")
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {readable_values(key, depth + 1): readable_values(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [readable_values(inner, depth + 1) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("the number is beyond 64 bits")
    return value
