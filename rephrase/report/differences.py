"""Where a rewrite and its passage differ in numbers and names, and where they agree word for word: places to mark in both texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from classifiers.facts import Facts, facts_of

NUMBER, NAME, SAME = "number", "name", "same"

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d[\d.,\u00a0\u2009\u202f]*(?<=\d)(?: (?:thousand|[mbt]r?illion)s?\b)?")
_RUN = 8
"""Words in a row that stand in both texts are taken from one into the other, and no chance: as n-grams of memorisation studies are."""

Mark = tuple[int, int, str]
"""Start and end, in characters, and what it is."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What vanished from a passage and what a rewrite invented, and where these stand."""

    source: list[Mark]
    text: list[Mark]
    lost_numbers: int
    new_numbers: int
    lost_names: int
    new_names: int
    kept_numbers: float | None
    """Share of the passage's numbers that the rewrite says; None where it has none."""
    kept_names: float | None
    overlap: float | None
    """Share of the rewrite's words that stand in a run of eight which the passage has too; None for shorter ones."""


def differences(source: str, text: str) -> Differences:
    """Compare a rewrite with its passage. What counts as a number or a name is told by `classifiers.facts`."""
    before, after = facts_of(source), facts_of(text)
    lost, new = before.numbers - after.mentioned, after.numbers - before.mentioned
    named = before.names is not None and after.names is not None
    lost_names = (before.names or frozenset()) - after.stems if named else frozenset()
    new_names = (after.names or frozenset()) - before.stems if named else frozenset()
    same_source, same_text, overlap = _shared(source, text)
    return Differences(
        source=_marks(source, lost, lost_names, same_source),
        text=_marks(text, new, new_names, same_text),
        lost_numbers=len(lost),
        new_numbers=len(new),
        lost_names=len(lost_names),
        new_names=len(new_names),
        kept_numbers=1 - len(lost) / len(before.numbers) if before.numbers else None,
        kept_names=_kept_names(before, lost_names) if named else None,
        overlap=overlap,
    )


def _kept_names(before: Facts, lost: frozenset[str]) -> float | None:
    return 1 - len(lost) / len(before.names) if before.names else None


def _marks(text: str, numbers: frozenset[Decimal], names: frozenset[str], same: list[Mark]) -> list[Mark]:
    """Marks in their order, none across another: facts first, then runs of words around them."""
    facts = [*_numbers(text, numbers), *_names(text, names)]
    facts.sort()
    marks: list[Mark] = []
    for start, end, kind in facts:
        if not marks or start >= marks[-1][1]:
            marks.append((start, end, kind))
    return sorted([*marks, *_around(same, marks)])


def _around(runs: list[Mark], facts: list[Mark]) -> Iterator[Mark]:
    for start, end, kind in runs:
        at = start
        for begin, finish, _ in facts:
            if begin < end and finish > at:
                if begin > at:
                    yield at, begin, kind
                at = finish
        if at < end:
            yield at, end, kind


def _numbers(text: str, numbers: frozenset[Decimal]) -> Iterator[Mark]:
    if not numbers:
        return
    for match in _NUMBER.finditer(text):
        if _values(match[0]) & numbers:
            yield match.start(), match.end(), NUMBER
    yield from _fitting(text, lambda word: word.isalpha() and bool(_values(word.lower()) & numbers), NUMBER)


def _names(text: str, names: frozenset[str]) -> Iterator[Mark]:
    if names:
        yield from _fitting(text, lambda word: word[0].isupper() and bool(_stem(word) & names), NAME)


def _fitting(text: str, fits: Callable[[str], bool], kind: str) -> Iterator[Mark]:
    return ((match.start(), match.end(), kind) for match in _WORD.finditer(text) if fits(match[0]))


@lru_cache(maxsize=1 << 16)
def _values(word: str) -> frozenset[Decimal]:
    return facts_of(word).numbers


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> frozenset[str]:
    return facts_of(word).stems


def _shared(source: str, text: str) -> tuple[list[Mark], list[Mark], float | None]:
    """Runs of words that stand in both, in each of them, and the share of the second that they are."""
    places = [list(_WORD.finditer(one)) for one in (source, text)]
    words = [[match[0].lower() for match in part] for part in places]
    grams = [{tuple(part[at : at + _RUN]) for at in range(len(part) - _RUN + 1)} for part in words]
    both = grams[0] & grams[1]
    runs = [_runs(part, matches, both) for part, matches in zip(words, places, strict=True)]
    covered = sum(count for _, count in runs[1])
    overlap = covered / len(words[1]) if len(words[1]) >= _RUN else None
    return [mark for mark, _ in runs[0]], [mark for mark, _ in runs[1]], overlap


def _runs(words: list[str], places: list[re.Match[str]], grams: set[tuple[str, ...]]) -> list[tuple[Mark, int]]:
    runs: list[list[int]] = []
    for at in range(len(words) - _RUN + 1 if grams else 0):
        if tuple(words[at : at + _RUN]) in grams:
            if runs and at <= runs[-1][1]:
                runs[-1][1] = at + _RUN
            else:
                runs.append([at, at + _RUN])
    return [((places[start].start(), places[end - 1].end(), SAME), end - start) for start, end in runs]
