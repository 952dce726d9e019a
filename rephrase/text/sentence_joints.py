"""Where a sentence goes on behind what looks like its end, language by language. Data: sentence_joints.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from rephrase.settings.section import Section
from rephrase.settings.yaml_text import parse_yaml

_FILE = "sentence_joints.yaml"
_BEHIND, _AHEAD = 40, 16  # characters that are looked at before and behind a cut
_OPENING, _CLOSING = "\"'“”„«‘‹「『（(【《〈—–-¿¡", "\"'“”»’›」』）)】》〉"
_QUOTES = '"“„«‘「『'
_STOP = re.compile(r"(?:^|(?<=[\s(\[«„“\"'/\u2e80-\uffff-]))(?P<word>[^\s()\[\]«»„“”\"'\u2e80-\uffff]*?)\.[)\]]?\Z")
_ELLIPSIS = re.compile(r"(?:\.{2,}|…+)[)\]]?\Z")
_NUMBER = re.compile(r"\d{1,3}|[IVXLC]{1,6}")
_SHORT = 4  # letters of a word that is an abbreviation where a number follows
_OWN_SHARE = 5  # full stops for one of the language's own marks: with more of them they end sentences, too
_EAST_ASIAN = 0x2E80  # from here on a single character is a word, no initial


class _Spaced(Section):
    openers: list[str]
    before: list[str]


class _Table(Section):
    abbreviations: dict[str, frozenset[str]]
    ordinals: frozenset[str]
    own_stops: dict[str, str]
    quotes_go_on: frozenset[str]
    spaced: dict[str, _Spaced]


@dataclass(frozen=True, slots=True)
class _Cut:
    """What stands around a cut. `sentence` is the first character of the sentence that would end."""

    before: str  # without white space at its end
    after: str  # without white space at its beginning
    is_spaced: bool
    sentence: str


def is_spaced(language: str) -> bool:
    """Whether sentences of a language end with nothing but spaces, so that the library knows none of their ends."""
    return language in _table().spaced


def spaced_starts(text: str, language: str) -> Iterator[int]:
    """Where sentences begin in a language that ends them with spaces, but for the first. Those in quotes and brackets are left whole."""
    closers: list[str] = []
    pairs = {"“": "”", "«": "»", "(": ")", "[": "]", "‘": "’"}
    for match in _spaced_pattern(language).finditer(text):
        mark = match[0]
        if mark in pairs:
            closers.append(pairs[mark])
        elif closers and mark == closers[-1]:
            closers.pop()
        elif "\n" in mark:
            closers.clear()
            yield match.end()
        elif mark.isspace() and not closers:
            yield match.end()


def kept(text: str, starts: Sequence[int], language: str) -> Iterator[int]:
    """Those of the places where sentences seem to begin at which the one before has ended. The first is always one.

    starts: characters of the text, in order. A line break before a place always ends a sentence.
    """
    before = starts[0]
    yield before
    stops = _table().own_stops.get(language, "")
    has_own = bool(stops) and _OWN_SHARE * sum(map(text.count, stops)) > text.count(". ")
    for start in starts[1:]:
        behind = text[max(before, start - _BEHIND) : start]
        stripped = behind.rstrip()
        gap = behind[len(stripped) :]
        cut = _Cut(stripped, text[start : start + _AHEAD].lstrip(), bool(gap), text[before : before + _AHEAD].lstrip()[:1])
        if "\n" in gap or not _goes_on(cut, language, has_own=has_own):
            before = start
            yield start


def _goes_on(cut: _Cut, language: str, *, has_own: bool) -> bool:
    if not cut.before or not cut.after:
        return False
    last, first = cut.before[-1], cut.after.lstrip(_OPENING + " \u00a0")[:1]
    if first.islower() or cut.after[0] in ",;:)]»”،؛":
        return True
    if last in _CLOSING:
        is_whole = cut.sentence in _QUOTES and not first.isupper()  # a quotation that no colon announces: "«…؟» سأل"
        return is_whole or (language in _table().quotes_go_on and not cut.is_spaced and cut.after[0] not in _QUOTES)
    if _ELLIPSIS.search(cut.before):
        return not first.isupper() and ord(last) < _EAST_ASIAN and cut.is_spaced
    stop = _STOP.search(cut.before)
    return stop is not None and _is_abbreviation(stop["word"], cut, first, language, has_own=has_own)


def _is_abbreviation(word: str, cut: _Cut, following: str, language: str, *, has_own: bool) -> bool:
    if has_own or (not cut.is_spaced and ord(cut.after[0]) < _EAST_ASIAN):
        return True
    if language in _table().ordinals and _NUMBER.fullmatch(word):
        return True
    letters = word.rsplit(".", maxsplit=1)[-1]  # "т. е." and "c.-à-d." have several
    if len(letters) == 1 and letters.isalpha() and ord(letters) < _EAST_ASIAN:
        return True
    if following.isdecimal() and letters.isalnum() and len(letters) <= _SHORT and ord(letters[0]) < _EAST_ASIAN:
        return True  # "art. 12", "2019. 5. 12."
    known = _table().abbreviations.get(language, frozenset())
    return letters.lower() in known or word.lower() in known


@functools.cache
def _spaced_pattern(language: str) -> re.Pattern[str]:
    about = _table().spaced[language]
    openers = "|".join(map(re.escape, sorted(about.openers, key=len, reverse=True)))
    behind = "".join(f"(?<!{re.escape(word)})" for word in about.before)
    return re.compile(rf"[“”«»()\[\]‘’]|\n\s*+|(?<=[?!])[ \t]++|(?<![ \t]){behind}[ \t]++(?={openers})")


@functools.cache
def _table() -> _Table:
    return _Table.model_validate(parse_yaml(files(__package__).joinpath(_FILE).read_text("utf-8"), _FILE))
