"""Paragraphs as a translation keeps them: what stands between blank lines, or the lines of a text that has no blank one.

A code fence is one paragraph, whatever lines are in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from rephrase.text.code.fences import fences_of
from rephrase.text.sentences import Span

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_LINES = re.compile(r"\n\s*")
_FENCES = ("```", "~~~")
_ENTRY = re.compile(r"(?m)^[ \t]*(?:[-*+•][ \t]|\d{1,3}[.)、．])")
_ROW = re.compile(r"(?m)^[ \t]*\|")
_LEAST_LINES = 2  # of a list or a table: a line of prose may well begin with a number


def has_blank_lines(text: str) -> bool:
    """Whether paragraphs of the text are told apart by blank lines, and not by the ends of lines."""
    return _BLANK_LINES.search(text.strip()) is not None


def paragraph_spans(text: str, *, by_lines: bool | None = None) -> list[Span]:
    """Start and end of each paragraph, in characters, without the white space around it.

    by_lines: whether each line is one; None: where the text has no blank line. What a translation is compared with says so for both.
    """
    if by_lines is None:
        by_lines = not has_blank_lines(text)
    gaps = _outside_of_fences(text, _LINES if by_lines else _BLANK_LINES)
    edges = [(0, 0), *gaps, (len(text), len(text))]
    spans = (_stripped(text, start, end) for (_, start), (end, _) in pairwise(edges))
    return [(start, end) for start, end in spans if end > start]


def paragraphs_of(text: str, *, by_lines: bool | None = None) -> list[str]:
    """The paragraphs themselves."""
    return [text[start:end] for start, end in paragraph_spans(text, by_lines=by_lines)]


def same_form(source: str, other: str) -> bool:
    """Whether two paragraphs are of one form, as a text and its translation are.

    Both are code in a fence or neither is, both have letters or neither has, and lists and tables have as many entries and rows.
    """
    if any(mark in source for mark in _FENCES) != any(mark in other for mark in _FENCES):
        return False
    if any(map(str.isalpha, source)) != any(map(str.isalpha, other)):
        return False
    counts = ((len(line.findall(source)), len(line.findall(other))) for line in (_ENTRY, _ROW))
    return all(number == translated or number < _LEAST_LINES for number, translated in counts)


def _outside_of_fences(text: str, gap: re.Pattern[str]) -> Iterator[Span]:
    fences = [(fence.start, fence.end) for fence in fences_of(text)]
    number = 0
    for match in gap.finditer(text):
        while number < len(fences) and fences[number][1] <= match.start() + 1:
            number += 1
        if number == len(fences) or not fences[number][0] <= match.start() < fences[number][1] - 1:
            yield match.span()


def _stripped(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())
