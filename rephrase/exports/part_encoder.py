"""Parts of a document with sentinels between them, as text and as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rephrase.errors import UserError
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Code Llama's own way to encode what is no beginning; the others for parts whose beginning runs into a token with the first.
_GUARDS = ("☺", "\n", "\u0001")
_PROBE = ("def f(", "x):\n", "    return x", " + 1\n")


@dataclass(frozen=True, slots=True)
class Part:
    """A sentinel, or none, and the text behind it. Parts are encoded each by itself, so that no token reaches over a seam."""

    mark: str | None
    text: str
    begins: bool = False
    """Whether the document begins with it."""


def spelled(parts: Sequence[Part]) -> str:
    """The parts as one text, sentinels by their names."""
    return "".join((part.mark or "") + part.text for part in parts)


class PartEncoder:
    """Encodes parts of a document so that their tokens in a row spell it: tokenizers such as Llama's put a space before all they encode.

    Raises `UserError` for a tokenizer from whose tokens no text comes back.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._guards: dict[str, NDArray[np.uint32]] = {}
        if not self._joins():
            self._guards = dict(zip(_GUARDS, tokenizer.encode(_GUARDS), strict=True))
            if not self._joins():
                cure = "take a tokenizer that keeps all spaces, or leave --fim out"
                raise UserError("the tokenizer does not put the parts of a text together again", where=tokenizer.name, cure=cure)

    def tokens(self, parts: Sequence[Part]) -> NDArray[np.uint32]:
        """The token ids of parts, each encoded by itself, shape (tokens,)."""
        encoded: list[NDArray[np.uint32]] = []
        for part in parts:
            if part.mark:
                encoded.append(np.array([self._tokenizer.control_id(part.mark)], np.uint32))
            encoded.append(self._encode(part.text, begins=part.begins))
        return np.concatenate(encoded)

    def _encode(self, part: str, *, begins: bool) -> NDArray[np.uint32]:
        for sign, guard in self._guards.items() if part and not begins else ():
            tokens = self._tokenizer.encode([sign + part])[0]
            if np.array_equal(tokens[: len(guard)], guard):
                return tokens[len(guard) :]
        return self._tokenizer.encode([part])[0]

    def _joins(self) -> bool:
        parts = [self._encode(part, begins=not at) for at, part in enumerate(_PROBE)]
        return self._tokenizer.decode(np.concatenate(parts)) == "".join(_PROBE)
