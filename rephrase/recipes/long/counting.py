"""What can be counted in a text with certainty: words, and names that were found in it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rephrase.text.scripts import whole_words

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LEAST_LETTERS = 3
_MOST_WINDOWS = 0.5  # of all: a word that stands in more of them joins others in this text, whatever its language


def words_of(text: str) -> list[str]:
    """Its words in small letters, in their order: runs of letters, with apostrophes inside.

    >>> words_of("The keeper’s 3 ships.")
    ['the', 'keeper’s', 'ships']
    """
    return [word.lower() for word in _WORD.findall(text)]


def joining_words(words: Sequence[str], window: int) -> set[str]:
    """The words that stand in most windows of so many words of a text."""
    windows = [set(words[start : start + window]) for start in range(0, len(words), window)]
    held = Counter(word for inside in windows for word in inside)
    return {word for word, count in held.items() if len(windows) > 1 and count > _MOST_WINDOWS * len(windows)}


def common_words(words: Sequence[str], left_out: Collection[str], most: int) -> list[tuple[str, int]]:
    """The most common words of at least three letters with their counts, most common first, and of equals the first in the text."""
    counts = Counter(words)
    usable = [(word, count) for word, count in counts.items() if len(word) >= _LEAST_LETTERS and word not in left_out]
    return sorted(usable, key=lambda pair: -pair[1])[:most]


def occurrences(name: str, text: str) -> int:
    """How often a name stands in a text, as whole words in small or large letters."""
    return sum(1 for _ in re.finditer(whole_words(name.lower()), text.lower())) if name.strip() else 0


@dataclass(frozen=True, slots=True)
class Fact:
    """What can be asked for. names: what is counted, in the order in which a question names them."""

    kind: str  # "count", "compare" or "most"
    names: tuple[str, ...]
    counts: tuple[int, ...]

    def values(self) -> dict[str, str]:
        """What fills its point and its answer."""
        order = sorted(range(len(self.names)), key=lambda place: -self.counts[place])
        ranked = [(self.names[place], str(self.counts[place])) for place in order]
        point = dict(zip(("first", "second", "third"), self.names, strict=False))
        if self.kind == "count":
            return {**point, "count": str(self.counts[0])}
        for place, (name, count) in zip(("more", "less", "least"), ranked, strict=False):
            point |= {place: name, f"{place}_count": count}
        return point


def facts_of(counted: Sequence[tuple[str, int]], most: int, order: Sequence[int]) -> list[Fact]:
    """Up to `most` facts, in turn of each kind that the counts allow. order: of the places in `counted`, as they are drawn.

    Those that compare have one answer: no two counts are equal.
    """
    drawn = [counted[place] for place in order]
    facts: list[Fact] = []
    for name, count in drawn[: math.ceil(most / 2)]:
        facts.append(Fact("count", (name,), (count,)))
    rest = drawn[::-1]
    while len(facts) < most and len(rest) > 1:
        size = 3 if len(facts) % 2 and len({count for _, count in rest[:3]}) == 3 else 2
        group, rest = rest[:size], rest[size:]
        if len({count for _, count in group}) == size:
            facts.append(Fact("most" if size == 3 else "compare", tuple(n for n, _ in group), tuple(c for _, c in group)))
    for name, count in drawn[math.ceil(most / 2) :]:
        if len(facts) < most:
            facts.append(Fact("count", (name,), (count,)))
    return facts
