"""Text from outside made fit: documents to be stored as they are, what a model wrote to be read, without what nobody can read."""

from __future__ import annotations

import re
from typing import Any, Literal

# Tabs and line breaks stay. NUL, escapes of terminals and the like are in no text that a person wrote.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_WIDE = {0xFF01 + offset: 0x21 + offset for offset in range(0x5E) if chr(0x21 + offset).isalnum()}
_DEEPEST = 32  # levels of a value that are looked at; nothing of ours has more than four


def narrow(text: str) -> str:
    """The text with the wide Latin letters and digits of East Asian typefaces as the plain ones; lengths and places stay.

    >>> narrow("Ｑ１：潮")
    'Q1：潮'
    """
    return text if text.isascii() else text.translate(_WIDE)


def without_surrogates(text: str, lone: Literal["replace", "ignore"] = "replace") -> str:
    r"""The text with pairs of surrogates joined to the characters that they stand for, and lone ones replaced by U+FFFD, or left out.

    >>> without_surrogates("half \ud83d, whole \ud83c\udf0a")
    'half �, whole 🌊'
    """
    try:
        text.encode()
    except UnicodeEncodeError:  # faster than to look for them, and they are rare
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", lone)
    return text


def storable(text: str) -> str:
    r"""The text without NUL characters and lone surrogates, which Parquet and tokenizers refuse; line breaks are `\n`.

    >>> storable("The tide\x00 rises.\r\n")
    'The tide rises.\n'
    """
    if text.isascii() and "\r" not in text and "\0" not in text:  # nearly all names and values of metadata
        return text
    return without_surrogates(_with_line_feeds(text).replace("\0", ""), "ignore")


def readable(text: str) -> str:
    r"""The text without any control characters but tabs and line breaks, and with U+FFFD for lone surrogates; line breaks are `\n`.

    >>> readable("The tide\x1b rises.\r\n")
    'The tide rises.\n'
    """
    if text.replace("\n", "").isprintable():  # as most texts are, and told sooner than what is not is found
        return text
    return _with_line_feeds(_UNREADABLE.sub("", without_surrogates(text)))


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
