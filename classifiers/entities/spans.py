"""Parts of texts: where they stand, which of them stay where they meet, and what is put in their places."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w{1,100}|\S")  # bounded: some scripts put no space between words
_SENTENCE_ENDS = frozenset(".!?。！？")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters of a text from `start` to before `end`, and the kind of what stands there."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Recognised(Span):
    """A span that a model gives, and how sure it is, from 0 to 1."""

    score: float


def replaced(text: str, replacements: Iterable[tuple[int, int, str]]) -> str:
    """The text with other strings in these places, which come in their order and do not overlap."""
    parts, at = [], 0
    for start, end, new in replacements:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def settled(text: str, spans: Iterable[Recognised], stand_ins: Sequence[str]) -> list[Span]:
    """What of a model's spans is replaced: none overlaps another, a stand-in or a line break.

    Of two that overlap the longer stays, then the surer, then the earlier. Stand-ins that the text holds are left as they are, and the rest
    of a span around them still goes. What has no letter and no digit is left too.
    """
    chosen: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, -span.score, span.start)):
        at = bisect.bisect(chosen, span.start, key=lambda other: other.start)
        if (at == 0 or chosen[at - 1].end <= span.start) and (at == len(chosen) or span.end <= chosen[at].start):
            chosen.insert(at, Span(span.start, span.end, span.kind))
    walls = re.compile("|".join([*map(re.escape, filter(None, stand_ins)), r"[\r\n]+"]))
    protected = [match.span() for match in walls.finditer(text)]
    return [trimmed for span in chosen for part in _outside(span, protected) if (trimmed := _trimmed(text, part)) is not None]


def _outside(span: Span, protected: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The parts of a span beside these places."""
    at = span.start
    for start, end in protected[bisect.bisect(protected, at, key=lambda place: place[1]) :]:
        if start >= span.end:
            break
        yield Span(at, max(at, start), span.kind)
        at = end
    yield Span(at, max(at, span.end), span.kind)


def _trimmed(text: str, span: Span) -> Span | None:
    inside = text[span.start : span.end]
    if not any(character.isalnum() for character in inside):
        return None
    start = span.start + len(inside) - len(inside.lstrip())
    return Span(start, start + len(inside.strip()), span.kind)


def words_of(text: str) -> list[tuple[int, int]]:
    """Where words and signs stand, whatever the language."""
    return [match.span() for match in _WORD.finditer(text)]


def pieces(text: str, words: Sequence[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """Cut a text into pieces of at most `most` of its words: start and end of each.

    Cut is where a line or a sentence ends in the second half of a piece, a line before a sentence; else after its last word.
    """
    first = 0
    while first < len(words):
        last = min(first + most, len(words))
        if last < len(words):
            last = _best_cut(text, words, first + (most + 1) // 2, last)
        yield words[first][0], words[last - 1][1]
        first = last


def _best_cut(text: str, words: Sequence[tuple[int, int]], earliest: int, latest: int) -> int:
    cuts = range(latest, earliest - 1, -1)
    of_lines = (cut for cut in cuts if "\n" in text[words[cut - 1][1] : words[cut][0]])
    of_sentences = (cut for cut in cuts if text[words[cut - 1][1] - 1] in _SENTENCE_ENDS)
    return next(of_lines, next(of_sentences, latest))
