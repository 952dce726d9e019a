"""Which documents a trial is about: decided by their ids alone, or by length and source beside them, never by their order."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase.records import unit_interval

if TYPE_CHECKING:
    from rephrase.config.run import Limit

_SOURCES = 8  # that are told apart, those with the most tokens; the others are one
_LENGTHS = 3  # classes of documents by their length, with equal shares of all tokens
_LEAST = 2  # documents of a stratum: one has no spread
_CANDIDATES = 200_000  # documents that strata are made of; of more, these stand for all


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that may be drawn."""

    id: str
    source: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A stratum: how many documents there are of it, and the ids of those that were drawn."""

    size: float
    ids: tuple[str, ...]


def place_of(id_: str, limit: Limit | None) -> tuple[float, str]:
    """A document's place in the order in which documents are drawn."""
    return unit_interval(id_, f"limit {limit.seed if limit else 1}"), id_


def draw(documents: Iterable[Candidate], limit: Limit) -> list[Drawn]:
    """The documents of a trial, in their strata: one, or several by source and length."""
    total = 0

    def counted() -> Iterable[Candidate]:
        nonlocal total
        for document in documents:
            total += 1
            yield document

    most = max(limit.documents, _CANDIDATES) if limit.stratified else limit.documents
    candidates = heapq.nsmallest(most, counted(), key=lambda document: place_of(document.id, limit))
    if not limit.stratified:
        return [Drawn(total, tuple(document.id for document in candidates))]
    strata = _strata(candidates, limit.documents)
    scale = total / max(1, len(candidates))
    numbers = _allocated([len(stratum) for stratum in strata], [sum(d.tokens for d in stratum) for stratum in strata], limit.documents)
    return [
        Drawn(len(stratum) * scale, tuple(document.id for document in stratum[:number]))
        for stratum, number in zip(strata, numbers, strict=True)
    ]


def _strata(candidates: Sequence[Candidate], number: int) -> list[list[Candidate]]:
    """The candidates by source and length, in their order; by fewer marks where so few are to be drawn that strata would have only one."""
    tokens: Counter[str] = Counter()
    for document in candidates:
        tokens[document.source] += document.tokens
    named = {source for source, _ in sorted(tokens.items(), key=lambda item: (-item[1], item[0]))[:_SOURCES]}
    limits = _limits(sorted(document.tokens for document in candidates))
    by_length = [sum(document.tokens > limit for limit in limits) for document in candidates]
    by_source = [document.source if document.source in named else "" for document in candidates]
    both = list(zip(by_source, by_length, strict=True))
    marks: Sequence[object]
    for marks in (both, by_length, [0] * len(candidates)):
        if len(set(marks)) * _LEAST <= number or not any(marks):
            break
    strata: dict[object, list[Candidate]] = {}
    for mark, document in zip(marks, candidates, strict=True):
        strata.setdefault(mark, []).append(document)
    return [strata[mark] for mark in sorted(strata, key=repr)]


def _limits(lengths: Sequence[int]) -> list[int]:
    """The lengths that part classes with equal shares of the tokens."""
    limits: list[int] = []
    running, whole = 0, sum(lengths)
    for length in lengths:
        running += length
        if len(limits) < _LENGTHS - 1 and running >= whole * (len(limits) + 1) / _LENGTHS:
            limits.append(length)
    return limits


def _allocated(sizes: Sequence[int], weights: Sequence[int], number: int) -> list[int]:
    """How many to draw of each stratum: a few of each, and the rest by their tokens, by D'Hondt's method."""
    given = [min(_LEAST, size) for size in sizes]
    while sum(given) > number:
        given[given.index(max(given))] -= 1
    while sum(given) < min(number, sum(sizes)):
        open_ = [place for place, size in enumerate(sizes) if given[place] < size]
        given[max(open_, key=lambda place: (weights[place] / (given[place] + 1), -place))] += 1
    return given
