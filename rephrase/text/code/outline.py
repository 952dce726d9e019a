"""Where a program can be cut: before definitions and statements, and inside one only where it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from rephrase.text.code.syntax import syntax_pieces

Span = tuple[int, int]


def definition_spans(text: str, language: str, fits: Callable[[str], bool]) -> list[Span] | None:
    """Start and end of each piece, in characters; together they cover the text. None where its syntax cannot be told.

    A piece begins at the beginning of a line: a definition or a statement, with the comments and attributes right before it. One that does
    not fit is cut into what it holds, and so on; a statement that still does not fit is a piece all the same.
    """
    pieces = syntax_pieces(text, language)
    if pieces is None:
        return None
    data = text.encode(errors="replace")
    cuts = sorted({0, *_cuts(data, pieces, len(data), fits)})
    bounds = [*_in_characters(data, cuts), len(text)]
    return [(start, end) for start, end in pairwise(bounds) if end > start]


def _cuts(data: bytes, pieces: list[list[Any]], end: int, fits: Callable[[str], bool]) -> Iterator[int]:
    """Bytes at which to cut what these pieces hold, which ends at `end`."""
    own = [piece for piece in pieces if piece[0] is not None]
    stops = iter([*(begin for begin, *_ in own), end][1:])
    for begin, line, last, inner in pieces:
        if begin is None:
            if not _fit(data, line, last, fits):
                yield from _cuts(data, inner, last, fits)
            continue
        yield begin
        stop = next(stops)
        if _fit(data, begin, stop, fits):
            continue
        if begin < line and _fit(data, line, stop, fits):
            yield line  # away from its comments
        elif inner:
            yield from _cuts(data, inner, min(last, stop), fits)


def _fit(data: bytes, start: int, end: int, fits: Callable[[str], bool]) -> bool:
    return fits(data[start:end].decode(errors="replace"))


def _in_characters(data: bytes, places: list[int]) -> list[int]:
    """Ascending places in bytes as places in characters."""
    if data.isascii():
        return places
    characters, last, count = [], 0, 0
    for place in places:
        count += len(data[last:place].decode(errors="replace"))
        characters.append(count)
        last = place
    return characters
