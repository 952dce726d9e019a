"""How a document is told with its pyramid of summaries: an outline, whose headings number what stands below each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rephrase.recipes.prompts import fill

_DEEPEST_HEADING = 6  # of Markdown


@dataclass(frozen=True, slots=True)
class Node:
    """A summary, and the characters of the document that it summarises."""

    span: tuple[int, int]
    summary: str


def told(levels: Sequence[Sequence[Node]], text: str, layout: str, names: Mapping[str, str]) -> str:
    """The outline. levels: from the parts' summaries to the one of the whole.

    layout: `down`, each summary before what it summarises; `up`, behind it; `summaries`, before it and without the document. Each summary
    stands below a heading with its name and number ("Section 2.1"); names: those of the top, of a group and of a part.
    """
    return "\n\n".join(_told(levels, len(levels) - 1, 0, "", text, layout, names))


def _told(
    levels: Sequence[Sequence[Node]], level: int, place: int, number: str, text: str, layout: str, names: Mapping[str, str]
) -> Iterator[str]:
    node = levels[level][place]
    name = names["passage" if level == 0 and number else "group" if number else "top"]
    depth = min(len(levels) - level, _DEEPEST_HEADING)
    summary = f"{'#' * depth} {fill(name, {'number': number})}\n\n{node.summary}"
    if layout != "up":
        yield summary
    if level == 0:
        if layout != "summaries":
            yield text[slice(*node.span)]
    else:
        below = levels[level - 1]
        inside = [other for other in range(len(below)) if node.span[0] <= below[other].span[0] < node.span[1]]
        for count, other in enumerate(inside, 1):
            yield from _told(levels, level - 1, other, f"{number}.{count}".lstrip("."), text, layout, names)
    if layout == "up":
        yield summary
