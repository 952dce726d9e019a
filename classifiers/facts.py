"""The numbers, names and quotations of a text, found by their spelling alone.

No model runs, and what is found is a sample of the facts. Where spelling leaves a doubt it is no fact.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from operator import itemgetter

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

# Each pattern begins with what is rare, and looks behind it only then: that doubles the speed.
_WORD = re.compile(r"\w+")
# "1.", "- 2)", "**3.**", "Step 4:" at the start of a line: they count and state nothing.
_MARKER = re.compile(r"\n[ \t>*#_-]*+(?:\w+ )?\(?(\d{1,2})[.):](?![\w.,])")
# Digits, but for those of "H2O" and for longer rows than numbers have; and the word after them, which may be a scale.
# A plain space counts as a mark in round numbers alone, as "60 000": cells of tables stand apart by spaces, too.
_NUMBER = r"(\d(?<![A-Za-z\d]\d)\d{0,39}(?:[.,\u00a0\u2009\u202f]\d{1,40}| \d{3}(?= 000(?!\d))| 000(?!\d|[.,]\d))*)(?!\d)"
_SIGNS = "\u0900-\u0963\u064b-\u0652"  # of vowels: no letters to Python
_FOLLOWING = rf"(?: ?({{attached}})|[ -]([^\W\d_](?:[^\W\d_]|[{_SIGNS}])*))?"
# Digits and marks of other scripts, as those of ASCII.
_PLAIN = {
    **{code: unicodedata.decimal(chr(code)) + ord("0") for code in range(0x80, 0x20000) if chr(code).isdecimal()},
    **str.maketrans("٫٬", ".,"),
}
_GROUPED = re.compile(
    r"([1-9]\d{0,2}(?:(?P<mark>[.,\u00a0\u2009\u202f ])\d{3})(?:(?P=mark)\d{3})*|[1-9]\d?(?:,\d{2})+,\d{3})(?:[.,](\d{1,2}))?"
)
_DECIMAL = re.compile(r"(\d+)[.,](\d+)")
_MARK = re.compile(r"[.,\u00a0\u2009\u202f ]")
# Shorter lines without an end are taken for headings, whose words may have capitals from the style of titles.
_HEADING = 100
_ENDS = (*'.!?…:;,"”’»。！？',)
# Words inside a sentence, but for ASCII ones in lower case. A full stop, a colon, a quotation mark and a line break may give the word
# after them its capital.
_INNER = re.compile(r" (?<=[\w,;)] )([^a-z\W\d_]\w+)")
_ACRONYM = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z][A-Z\d]{0,4}\b")
# No mark opens a quotation that another opens again: so a row of them is not read anew from each.
_QUOTE = re.compile(r'"(?<!\w")(?=\S)([^"\n]{0,600})"|“([^“”\n]{0,600})”|«([^«»\n]{0,600})»|„([^„“”\n]{0,600})[“”]')
_QUOTE_WORDS = 3
_MOST_QUOTES = 256  # the first ones of a text: each is looked for in the whole source
_LARGEST = 10**40  # as many digits as numbers have: "million million million …" ends there


class _Lexicon(Section):
    words: dict[str, int]
    scales: dict[str, int]
    attached_scales: dict[str, int]
    hints: dict[str, int]
    stem: int
    most_capitals: float
    german: frozenset[str]
    german_words: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text states, and what it says at all. A fact is new to a source that does not even say it."""

    numbers: frozenset[Decimal]
    """Values of digits and number words: "1,234" and "1234" are one, and so are "1.50" and "1.5", "3" and "three", "5%" and "5 percent"."""
    mentioned: frozenset[Decimal]
    """`numbers`, and those of list markers and of words such as "first" and "May"."""
    names: frozenset[str] | None
    """Stems of the words of names and acronyms; None where capitals do not mark names: scripts without case, German, titles."""
    stems: frozenset[str]
    """The first letters of each word, in lower case."""
    wording: str
    """All words, in lower case and in their order, with a space before and after each."""
    quotes: frozenset[str]
    """The words of quotations of three words and more, in lower case, joined by spaces."""


def facts_of(text: str) -> Facts:
    """The facts of one text, in time that grows with its length."""
    text = f"\n{text}\n"
    cased = _WORD.findall(text)
    words = list(map(str.lower, cased))
    distinct = frozenset(words)
    markers = _MARKER.findall(text)
    numbers, hints = _spelled(words)
    numbers |= _digits(_MARKER.sub("\n", text) if markers else text)
    quotes = (_WORD.findall("".join(quote.groups("")).lower()) for quote in itertools.islice(_QUOTE.finditer(text), _MOST_QUOTES))
    return Facts(
        numbers=frozenset(numbers),
        mentioned=frozenset(numbers | hints | {Decimal(marker) for marker in markers}),
        names=_names(text, cased, distinct),
        stems=stems_of(distinct),
        wording=f" {' '.join(words)} ",
        quotes=frozenset(" ".join(quote) for quote in quotes if len(quote) >= _QUOTE_WORDS),
    )


def stems_of(words: Iterable[str]) -> frozenset[str]:
    """The first letters of words in lower case, by which those of one stem are the same."""
    return frozenset(map(itemgetter(slice(_lexicon().stem)), words))


def _digits(text: str) -> set[Decimal]:
    lexicon = _lexicon()
    numbers = set()
    for digits, attached, following in set(_digits_pattern().findall(text if text.isascii() else text.translate(_PLAIN))):
        scale = lexicon.attached_scales[attached] if attached else lexicon.scales.get(following.lower(), 1)
        # In "1.234 million" the point is no separator of thousands.
        is_plain = digits.isdecimal() or (scale > 1 and digits.replace(".", "", 1).isdecimal())
        values = [Decimal(digits)] if is_plain else _values(digits)
        values[-1] *= scale
        numbers.update(values)
    return numbers


def _values(digits: str) -> list[Decimal]:
    """Digits with marks between them: one number, or the parts of a date or a version."""
    if grouped := _GROUPED.fullmatch(digits):
        return [Decimal(f"{_MARK.sub('', grouped[1])}.{grouped[3] or 0}")]
    if decimal := _DECIMAL.fullmatch(digits):
        return [Decimal(f"{decimal[1]}.{decimal[2]}")]
    return [Decimal(part) for part in _MARK.split(digits)]


def _spelled(words: Sequence[str]) -> tuple[set[Decimal], set[Decimal]]:
    """The numbers that words spell, and those at which they only hint."""
    lexicon, known = _lexicon(), _known_words()
    numbers: set[Decimal] = set()
    hints: set[Decimal] = set()
    after = 0
    for place in [place for place, word in enumerate(words) if word in known]:
        if place < after:
            continue
        word = words[place]
        value, is_fact, after = known[word], word in lexicon.words, place + 1
        if is_fact and value >= 20 and 0 < known.get(_at(words, after), 0) < 10:
            value += known[words[after]]
            after += 1
        while value < _LARGEST and _at(words, after) in lexicon.scales:
            value *= lexicon.scales[words[after]]
            after += 1
            is_fact = True
        (numbers if is_fact else hints).add(Decimal(value))
    return numbers, hints


def _at(words: Sequence[str], place: int) -> str:
    return words[place] if place < len(words) else ""


def _names(text: str, cased: Sequence[str], words: frozenset[str]) -> frozenset[str] | None:
    lexicon = _lexicon()
    if len(lexicon.german & words) >= lexicon.german_words:
        return None
    prose = "\n".join([line for line in text.split("\n") if len(line) > _HEADING or line.rstrip().endswith(_ENDS)])
    inner = [word for word in _INNER.findall(prose) if word[0].isupper()]
    if len(inner) > lexicon.most_capitals * len(cased):
        return None
    names = [*inner, *_ACRONYM.findall(prose)]
    if not names and text.lower() == text.upper():
        return None
    # What also stands in lower case has its capital from somewhere else.
    return stems_of({name.lower() for name in names}.difference(cased))


@functools.cache
def _digits_pattern() -> re.Pattern[str]:
    return re.compile(_NUMBER + _FOLLOWING.replace("{attached}", "|".join(_lexicon().attached_scales)))


@functools.cache
def _lexicon() -> _Lexicon:
    text = resources.files(__package__).joinpath("facts.yaml").read_text("utf-8")
    lexicon: _Lexicon = validate(_Lexicon, parse_yaml(text, "facts.yaml"), "facts.yaml")
    return lexicon


@functools.cache
def _known_words() -> dict[str, int]:
    return _lexicon().hints | _lexicon().words
