"""Excerpts: marked in an answer by their first and last words, put in from the passage, and measured."""

from __future__ import annotations

import re
from collections import defaultdict

_EXCERPT = re.compile(r"<excerpt>([^<]*(?:<[.…]+>[^<]*)?)</excerpt>", re.IGNORECASE)
_GAP = re.compile(r"<\.\.\.>|<…>|\[\.\.\.\]|\[…\]|\.\.\.|…")
_WORD = re.compile(r"\w+")


class Passage:
    """The words of a passage, and where they stand."""

    def __init__(self, text: str) -> None:
        """Case and punctuation do not count."""
        matches = list(_WORD.finditer(text))
        self.text = text
        self._words = [match[0].casefold() for match in matches]
        self._spans = [match.span() for match in matches]
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self._words):
            self._places[word].append(place)

    def excerpt(self, marked: str) -> str | None:
        """The passage's own words for what is marked by all of its words, or by the first and the last; None where it has no such."""
        first, *others = [[word.casefold() for word in _WORD.findall(piece)] for piece in _GAP.split(marked, maxsplit=1)]
        ending = others[0] if others else []
        start = self._find(first, 0)
        end = self._find(ending, start + len(first)) if start is not None and ending else start
        if start is None or end is None:
            return None
        last = self._spans[end + len(ending or first) - 1][1]
        last += self.text[last : last + 1] == marked.rstrip()[-1]  # the full stop
        return self.text[self._spans[start][0] : last]

    def _find(self, run: list[str], begin: int) -> int | None:
        """Where a run of words begins, at `begin` or later."""
        places = self._places.get(run[0], []) if run else []
        return next((place for place in places if place >= begin and self._words[place : place + len(run)] == run), None)


def with_excerpts(answer: str, passage: str) -> str | None:
    """The answer with the passage's own words in place of each excerpt; None where one is not to be found in the passage.

    >>> with_excerpts("It moves: <excerpt>the sea <...> a day</excerpt>.", "Twice the sea rises in a day.")
    'It moves: the sea rises in a day.'
    """
    source, last = Passage(passage), 0
    parts: list[str] = []
    for match in _EXCERPT.finditer(answer):
        excerpt = source.excerpt(match[1])
        if excerpt is None:
            return None
        parts += [answer[last : match.start()], excerpt]
        last = match.end()
    whole = "".join([*parts, answer[last:]]).strip()
    return None if "<excerpt" in whole or "</excerpt" in whole else whole


def quoted_share(text: str, passage: str, run: int) -> float:
    """The share of a text's words that stand in the passage in runs of at least so many words, or as a whole if it has fewer."""
    words, around = ([word.casefold() for word in _WORD.findall(each)] for each in (text, passage))
    size = min(run, len(words))
    if not size:
        return 0.0
    runs = {tuple(around[place : place + size]) for place in range(len(around) - size + 1)}
    quoted = [False] * len(words)
    for place in range(len(words) - size + 1):
        if tuple(words[place : place + size]) in runs:
            quoted[place : place + size] = [True] * size
    return sum(quoted) / len(words)
