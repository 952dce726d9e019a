"""Excerpts: marked in an answer by their first and last words, put in from the passage, and measured."""

from __future__ import annotations

import re

_EXCERPT = re.compile(r"<excerpt>(.*?)</excerpt>", re.DOTALL | re.IGNORECASE)
_GAP = re.compile(r"<\.\.\.>|<…>|\[\.\.\.\]|\[…\]|\.\.\.|…")
_WORD = re.compile(r"\w+")


def with_excerpts(answer: str, passage: str) -> str | None:
    """The answer with the passage's own words in place of each excerpt; None where one is not to be found in the passage.

    >>> with_excerpts("It moves: <excerpt>the sea <...> a day</excerpt>.", "Twice the sea rises in a day.")
    'It moves: the sea rises in a day.'
    """
    words = [(match[0].casefold(), match.start(), match.end()) for match in _WORD.finditer(passage)]
    parts, last = [], 0
    for match in _EXCERPT.finditer(answer):
        place = _place(match[1], words)
        if place is None:
            return None
        begin, end = place
        end += passage[end : end + 1] == match[1].rstrip()[-1]  # the full stop
        parts += [answer[last : match.start()], passage[begin:end]]
        last = match.end()
    whole = "".join([*parts, answer[last:]]).strip()
    return None if "<excerpt" in whole or "</excerpt" in whole else whole


def _place(excerpt: str, words: list[tuple[str, int, int]]) -> tuple[int, int] | None:
    first, *others = [[word.casefold() for word in _WORD.findall(piece)] for piece in _GAP.split(excerpt, maxsplit=1)]
    ending = others[0] if others else []
    start = _find(first, words, 0)
    end = _find(ending, words, start + len(first)) if start is not None and ending else start
    if start is None or end is None:
        return None
    return words[start][1], words[end + len(ending or first) - 1][2]


def _find(run: list[str], words: list[tuple[str, int, int]], begin: int) -> int | None:
    """Where a run of words begins, at `begin` or later."""
    size = len(run)
    places = range(begin, len(words) - size + 1) if size else ()
    return next((place for place in places if [word for word, _, _ in words[place : place + size]] == run), None)


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
