"""Where sentences begin and end, in time that grows with the text alone, whatever stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from rephrase.text.languages import UNKNOWN, is_language, primary_language
from rephrase.text.scripts import language_by_script
from rephrase.text.sentence_joints import is_spaced, kept, spaced_starts

_PARAGRAPH_END = re.compile(r"\n\r*\n")  # sentencex treats what lies between them each by itself
# Quotes and stops, from each of which the library may look to an end of the paragraph. Not the marks from which it does not, nor the signs
# of Indian scripts and Thai, which are no letters to Python.
_MARK = re.compile(r"[^\w\s,;:/|*#&%$+=@~^()\[\]{}<>.\\\-\u0300-\u036f\u0900-\u0963\u0966-\u0d7f\u0e00-\u0e4e]")
_MAX_MARKS = 400  # of a paragraph at once
_HARMLESS = bytes(number for number in range(128) if not _MARK.match(chr(number)))
_MAX_CHARACTERS = 20_000  # of it: the library's time also grows with the square of its sentences, though slowly

Span = tuple[int, int]


def sentence_spans(text: str, language: str | None = None) -> list[Span]:
    """Start and end of each sentence, in characters; together they cover the text.

    language: any tag or name of it; None: the one that the script suggests, or English. Long paragraphs and those with very many quotes
    and stops are looked at in parts, each of which begins with the sentence that the part before it did not end.
    """
    name = primary_language(language)
    if name == UNKNOWN:
        name = language_by_script(text)
    starts = [0]
    for start, end, hard in _blocks(text):
        if hard:
            starts += _starts_in_parts(text, start, end, name)
        else:
            starts += _starts(text, start, end, name)
    starts = sorted(set(starts))
    return [(start, end) for start, end in zip(starts, [*starts[1:], len(text)], strict=True) if end > start]


def _starts(text: str, start: int, end: int, language: str) -> list[int]:
    if is_spaced(language):
        return [start, *(start + place for place in spaced_starts(text[start:end], language))]
    import sentencex

    # White space that the library leaves out belongs to the sentence before it.
    name = "en" if language == UNKNOWN else language
    boundaries = sentencex.get_sentence_boundaries(name, text[start:end])
    starts = [start, *(start + boundary["start_index"] for boundary in boundaries[1:])]
    # What is no language is a label of the user's own, or the name of a programming language.
    return list(kept(text, starts, name)) if name != "en" and is_language(name) else starts


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """The text in as few blocks as possible: hard paragraphs alone, and what lies between them."""
    if len(text) <= _MAX_MARKS or (len(text) <= _MAX_CHARACTERS and _most_marks(text) <= _MAX_MARKS):
        yield 0, len(text), False
        return
    begun = start = 0
    for end in (*(gap.end() for gap in _PARAGRAPH_END.finditer(text)), len(text)):
        if end - start > _MAX_MARKS and _is_hard(text, start, end):
            if start > begun:
                yield begun, start, False
            yield start, end, True
            begun = end
        start = end
    if begun < len(text):
        yield begun, len(text), False


def _most_marks(text: str) -> int:
    """At most so many marks stand in a text, told without looking at each character: those that are not ASCII count several times."""
    return len(text.encode("utf-8", "surrogatepass").translate(None, _HARMLESS))


def _is_hard(text: str, start: int, end: int) -> bool:
    return end - start > _MAX_CHARACTERS or any(islice(_MARK.finditer(text, start, end), _MAX_MARKS, None))


def _starts_in_parts(text: str, start: int, end: int, language: str) -> Iterator[int]:
    marks = [mark.end() for mark in _MARK.finditer(text, start, end)]
    first = 0  # how many marks stand before the part
    while start < end:
        stop = end if first + _MAX_MARKS >= len(marks) else marks[first + _MAX_MARKS]
        stop = min(stop, start + _MAX_CHARACTERS)
        middle = start + (stop - start) // 2  # a part that gives no more than half of it would be looked at again and again
        starts = _starts(text, start, stop, language)
        if stop < end and starts[-1] <= middle:
            stop = text.rfind("\n", middle, stop) + 1 or text.rfind(" ", middle, stop) + 1 or stop
            starts = [*(place for place in starts if place < stop), stop]
        yield from starts
        start = starts[-1] if stop < end else end
        while first < len(marks) and marks[first] <= start:
            first += 1
