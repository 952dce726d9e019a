"""What readers yield: documents, the ones that were dropped for their length, and damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rephrase.text.foreign import storable

DropReason = Literal["short", "long", "kind", "status", "type"]
"""Too short or too long a text; a record of another kind than pages are; a response of another status, or another type."""
Flaw = Literal["cut", "stripped"]
"""Why a text may not be all that its page shows: its body ends early, or it was too intricate for more than leaving out its tags."""
Unit = Literal["byte", "line", "row"]
"""What places in files are counted in: bytes of the stored file from 0, lines from 1, or rows from 0."""


@dataclass(slots=True)  # not frozen: there are millions of them, and freezing makes each three times as slow to build
class RawDocument:
    """One document as it stands in its file.

    `raw_bytes` is the size of the page, line or text that it was taken from, `offset` its place in the file, counted in `unit`s.
    """

    text: str
    url: str | None = None
    source: str | None = None
    language: str | None = None
    language_score: float | None = None
    license: str | None = None
    synthetic_depth: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    raw_bytes: int = 0
    flaws: tuple[Flaw, ...] = ()
    offset: int = field(default=0, compare=False)
    unit: Unit = field(default="row", compare=False)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a reader left out on purpose."""

    reason: DropReason
    raw_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ReadError:
    """A part of a file that could not be read, from `offset` on, counted in `unit`s."""

    file: str
    offset: int
    unit: Unit
    reason: str


Item = RawDocument | Dropped | ReadError


def reason_of(error: BaseException) -> str:
    """An error as one short line."""
    try:
        words = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  # a foreign error may not even have a text
        words = type(error).__name__
    return storable(" ".join(words.split())[:300])
