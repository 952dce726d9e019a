"""Numbers of a text in any language, and which of a source's a translation has.

Digits of every script are read, with the separators of every language. What is said by a word is not, so that a number of one digit does
not count, and a number is the same as its multiple by a thousand, a million and the like.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from classifiers.translations.lexicon import lexicon

Readings = frozenset[Decimal]
"""The values that one number may have: 1500 and 1.5 for "1.500"."""

_MARKS = ".,\u066b\u066c'\u2019"
_SPACES = " \u00a0\u2009\u202f"
_NUMBER = rf"\d{{1,3}}(?:[{_SPACES}]\d{{3}}){{1,6}}+(?!\d)(?:[.,]\d{{1,40}})?|\d{{1,40}}(?:[{_MARKS}]\d{{1,40}}){{0,8}}"
_SPLIT = re.compile(rf"[{_MARKS}{_SPACES}]")
_MOST = 4096  # of a text: the first ones


@dataclass(frozen=True, slots=True)
class Numbers:
    """Distinct numbers, of two digits and more, of a source (shown) and its translation (written), and how many the other has or lacks."""

    shown: int
    kept: int
    written: int
    new: int


def compare_numbers(text: str, source: str) -> Numbers:
    """The numbers of a translation against those of its source."""
    written, shown = numbers_of(text), numbers_of(source)
    of_text, of_source = (frozenset(chain.from_iterable(several)) for several in (written, shown))
    counted = [number for number in shown if _counts(number)]
    own = [number for number in written if _counts(number)]
    kept = sum(_is_in(number, of_text) for number in counted)
    return Numbers(len(counted), kept, len(own), sum(not _is_in(number, of_source) for number in own))


def numbers_of(text: str) -> set[Readings]:
    """The distinct numbers of a text."""
    numbers: set[Readings] = set()
    for match in _pattern().finditer(text):
        numbers.update(_readings(match))
        if len(numbers) >= _MOST:
            break
    return numbers


@functools.cache
def _pattern() -> re.Pattern[str]:
    scaled = rf"\d{{1,12}}(?:[.,]\d{{1,12}}){{0,4}}+[{''.join(lexicon().multipliers)}] ?"
    return re.compile(rf"(?P<scaled>(?:{scaled}){{1,6}}(?:\d{{1,12}}(?![.,]?\d))?)|(?P<plain>{_NUMBER})")


def _readings(match: re.Match[str]) -> Iterator[Readings]:
    if match["scaled"] is not None:
        yield frozenset({_sum(match["scaled"])})
        return
    number = match["plain"]
    parts = _SPLIT.split(number)
    marks = [mark for mark in number if not mark.isdecimal()]
    if not marks:
        yield frozenset({Decimal(number)})
    elif any(mark in _SPACES for mark in marks):
        whole = "".join(parts[: len(marks) if marks[-1] in ".," else None])
        decimals = f".{parts[-1]}" if marks[-1] in ".," else ""
        yield frozenset({Decimal(whole + decimals), *map(Decimal, parts)})  # they may as well be several
    elif len(set(marks)) == 2 and marks.count(marks[-1]) == 1:  # the last of two kinds is the decimal point
        yield frozenset({Decimal(f"{''.join(parts[:-1])}.{parts[-1]}")})
    elif len(set(marks)) == 1 and _are_groups(parts):
        decimal = [Decimal(f"{parts[0]}.{parts[1]}")] if len(marks) == 1 else []
        yield frozenset({Decimal("".join(parts)), *decimal})
    elif len(marks) == 1:
        yield frozenset({Decimal(f"{parts[0]}.{parts[1]}")})
    else:  # a date, a version
        yield from (frozenset({Decimal(part)}) for part in parts)


def _are_groups(parts: list[str]) -> bool:
    """Whether these are groups of thousands; in India all but the last have two digits."""
    first, *inner, last = parts
    sizes = {len(part) for part in inner}
    return len(first) <= 3 and first[0] != "0" and len(last) == 3 and (sizes <= {3} or sizes == {2})


def _sum(scaled: str) -> Decimal:
    multipliers = lexicon().multipliers
    total = Decimal(0)
    for digits, sign in re.findall(r"(\d+(?:[.,]\d+)*)(\D)?", scaled.replace(" ", "")):
        plain = digits.replace(",", "")
        total += Decimal(plain if plain.count(".") < 2 else plain.replace(".", "")).scaleb(multipliers.get(sign, 0))
    return total


def _counts(number: Readings) -> bool:
    return not all(value < 10 and value == value.to_integral_value() for value in number)


def _is_in(number: Readings, values: Readings) -> bool:
    if number & values:
        return True
    scales = lexicon().scales
    return any(value.scaleb(sign * scale) in values for value in number for scale in scales for sign in (1, -1))
