"""Code fences of Markdown: where they stand, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_MARK = re.compile(r"(?m)^(?P<indent>[ \t]*+)(?P<marks>`{3,}+|~{3,}+)(?P<info>[^\n]*+)$")
_MOST_INDENTED = 3  # of an end, more than its beginning: what is further in is a text inside the program


@dataclass(frozen=True, slots=True)
class Fence:
    """Characters `start` to `end` of a text, marks and the last line break included; what is said behind the marks, and what is inside.

    `missing`: the line that would end it, where it has no end.
    """

    start: int
    end: int
    info: str
    inside: str
    missing: str = ""


def fences_of(text: str) -> Iterator[Fence]:
    """The fences of a text; one without an end goes on to the end of the text."""
    opening: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if opening is None:
            opening = None if mark["marks"][0] == "`" and "`" in mark["info"] else mark
        elif _ends(opening, mark):
            yield _fence(text, opening, mark.start(), min(mark.end() + 1, len(text)))
            opening = None
    if opening is not None:
        yield replace(_fence(text, opening, len(text), len(text)), missing=opening["indent"] + opening["marks"])


def _ends(opening: re.Match[str], mark: re.Match[str]) -> bool:
    is_bare = mark["marks"].startswith(opening["marks"]) and not mark["info"].strip()
    return is_bare and len(mark["indent"].expandtabs(4)) - len(opening["indent"].expandtabs(4)) <= _MOST_INDENTED


def _fence(text: str, opening: re.Match[str], inner_end: int, end: int) -> Fence:
    inside, indent = text[opening.end() + 1 : inner_end], opening["indent"]
    if indent:  # the lines are indented as their fence is
        inside = "".join(line.removeprefix(indent) for line in inside.splitlines(keepends=True))
    return Fence(opening.start(), end, opening["info"], inside)
