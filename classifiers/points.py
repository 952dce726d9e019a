"""What a text says, sentence by sentence, and which of a passage's points a text keeps, loses, contradicts, or adds to.

No model runs: points are compared by their words, numbers, names and negations. What says the same or the opposite in other words is not
recognised. English alone.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources

from classifiers.facts import Facts, facts_of, stems_of
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.sentences import sentence_spans

# Points beyond are not looked at, so that time grows with the length of a text alone.
_MOST_POINTS, _MOST_SENTENCES = 256, 1024
_CLAUSE_END = re.compile(r"[,;:.!?()\u2014]")
_WORD = re.compile(r"[\w']+")
_LEAST_STEMS = 2  # of a sentence that is a point
_LEAST_LETTERS = 3


class _Lexicon(Section):
    negations: frozenset[str]
    endings: tuple[str, ...]
    function_words: str
    english: str


@dataclass(frozen=True, slots=True)
class Point:
    """A sentence: the stems of the words that carry its meaning, its numbers and names, and what of its words is denied."""

    stems: frozenset[str]
    numbers: frozenset[Decimal]
    names: frozenset[str]
    denied: frozenset[str]
    stated: frozenset[str]

    @property
    def parts(self) -> frozenset[str | Decimal]:
        """All that must be said again to say the point again."""
        return self.stems | self.numbers


@dataclass(frozen=True, slots=True)
class Points:
    """The points of a text, and the facts of all of it."""

    points: tuple[Point, ...]
    facts: Facts


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many points a passage has, how many of these a text keeps and contradicts, and how many points the text has and adds."""

    points: int
    kept: int
    contradicted: int
    written: int
    added: int


def points_of(text: str, most: int = _MOST_POINTS) -> Points:
    """The points of a text, at most so many from its beginning."""
    plain = text.replace("\u2019", "'")
    points: list[Point] = []
    for start, end in sentence_spans(plain, "en"):
        if len(points) == most:
            break
        if end - start < _LEAST_LETTERS * _LEAST_STEMS:  # thousands of blank lines
            continue
        point = _point(plain[start:end])
        if len(point.stems) >= _LEAST_STEMS:
            points.append(point)
    return Points(tuple(points), facts_of(text))


def compare_points(passage: Points, text: str, kept_at: float, added_at: float) -> Comparison:
    """Which of a passage's points a text keeps.

    Args:
        passage: What `points_of` gives.
        text: The rewrite of the passage.
        kept_at: The least share of a point's words and numbers that two neighbouring sentences of the text must hold to keep it.
        added_at: Below this share of its words and numbers in the passage, a sentence of the text is added.

    """
    written = points_of(text, _MOST_SENTENCES)
    sentences = _Index(written.points)
    kept = contradicted = 0
    for point in passage.points:
        nearest, share = sentences.nearest(point)
        if nearest is None:
            continue
        if _contradicts(point, nearest, passage.facts, written.facts):
            contradicted += 1
        elif share >= kept_at:
            kept += 1
    parts = frozenset(itertools.chain.from_iterable(point.parts for point in passage.points))
    added = sum(len(point.parts & parts) < added_at * len(point.parts) for point in written.points)
    return Comparison(len(passage.points), kept, contradicted, len(written.points), added)


class _Index:
    """The points of a text by their parts."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points
        self._places: dict[str | Decimal, list[int]] = {}
        for place, point in enumerate(points):
            for part in point.parts:
                self._places.setdefault(part, []).append(place)

    def nearest(self, point: Point) -> tuple[Point | None, float]:
        """The point that shares most with this one, and the share of this one's parts that it and a neighbour of it hold."""
        shared: Counter[int] = Counter(itertools.chain.from_iterable(self._places.get(part, ()) for part in point.parts))
        if not shared:
            return None, 0.0
        place = max(shared, key=lambda number: (shared[number], -number))
        around = (self._points[place].parts | self._points[other].parts for other in _beside(place, len(self._points)))
        return self._points[place], max(len(point.parts & parts) for parts in around) / len(point.parts)


def _beside(place: int, count: int) -> Iterable[int]:
    return range(max(0, place - 1), min(count, place + 2))


def _contradicts(point: Point, other: Point, passage: Facts, text: Facts) -> bool:
    """Whether the nearest sentence of a text denies what a point states, or states another number or name in the place of its own."""
    if (point.denied - point.stated) & (other.stated - other.denied) or (other.denied - other.stated) & (point.stated - point.denied):
        return True
    if point.numbers - text.mentioned and other.numbers - passage.mentioned:
        return True
    return bool(point.names - text.stems and other.names - passage.stems)


def _point(sentence: str) -> Point:
    facts = facts_of(sentence)
    denied: set[str] = set()
    stated: set[str] = set()
    for clause in _CLAUSE_END.split(_marked(sentence.lower())):
        denies = False
        for word in _WORD.findall(clause):
            if word == _DENIES or word.endswith(_lexicon().endings):
                denies = True
            elif _carries_meaning(word):
                (denied if denies else stated).add(word)
                denies = False
    stems = stems_of(denied | stated)
    return Point(stems, facts.numbers, facts.names or frozenset(), stems_of(denied), stems_of(stated))


_DENIES = "__denies__"


def _marked(sentence: str) -> str:
    """The sentence with one word in place of each negation."""
    return _negation().sub(_DENIES, sentence)


def _carries_meaning(word: str) -> bool:
    return len(word) >= _LEAST_LETTERS and word not in _function_words() and not word[0].isdigit()


@functools.cache
def _negation() -> re.Pattern[str]:
    several = sorted(_lexicon().negations, key=len, reverse=True)
    return re.compile(rf"(?<![\w'])(?:{'|'.join(re.escape(words) for words in several)})(?![\w'])")


@functools.cache
def _function_words() -> Mapping[str, None]:
    return dict.fromkeys(_lexicon().function_words.split())


@functools.cache
def _lexicon() -> _Lexicon:
    text = resources.files(__package__).joinpath("points.yaml").read_text("utf-8")
    lexicon: _Lexicon = validate(_Lexicon, parse_yaml(text, "points.yaml"), "points.yaml")
    return lexicon
