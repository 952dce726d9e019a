"""Numbers of arithmetic with what they count or measure: exact fractions, and how far what is written may be from what it stands for."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import resources

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

Powers = tuple[int, int, int]
NONE: Powers = (0, 0, 0)
_MOST_DIGITS = 4000  # of a number in bits: what is larger is no statement that anybody checks
_MOST_EXPONENT = 1000
_DIGITS_OF_ROOTS = 40
_FLOAT = Fraction(1, 10**15)  # what numbers of programs may be wrong by, over themselves


class _Measure(Section):
    names: str
    factor: str
    of: tuple[int, int, int]
    is_customary: bool = False


class Words(Section):
    """What arithmetic.yaml says, key by key."""

    measures: tuple[_Measure, ...]
    scales: dict[str, int]
    powers: dict[str, int]
    operators: dict[str, str]
    equal: tuple[str, ...]
    refused: str
    parting: frozenset[str]
    words: str
    rounds: str

    @functools.cached_property
    def by_name(self) -> Mapping[str, tuple[Fraction, Powers]]:
        """Factor and powers of each measure."""
        return {name: (_factor(measure.factor), measure.of) for measure in self.measures for name in measure.names.split()}

    @functools.cached_property
    def customary(self) -> frozenset[Fraction]:
        """The factors of measures that are rounded where they become metric."""
        return frozenset(_factor(measure.factor) for measure in self.measures if measure.is_customary)

    @functools.cached_property
    def no_evaluation(self) -> frozenset[str]:
        """Words beside which nothing is evaluated."""
        return frozenset(self.refused.split())

    @functools.cached_property
    def rounding(self) -> re.Pattern[str]:
        """What tells that a text rounds."""
        return re.compile(rf"(?<![^\W\d_]|\\)(?:{'|'.join(self.rounds.split())})", re.IGNORECASE)

    @functools.cached_property
    def no_nouns(self) -> frozenset[str]:
        """Words that name nothing that is counted."""
        return frozenset(self.words.split())


def _factor(written: str) -> Fraction:
    top, _, bottom = written.partition("/")
    return Fraction(top) / Fraction(bottom or 1)


@functools.cache
def words() -> Words:
    """The words of arithmetic."""
    text = resources.files(__package__).joinpath("arithmetic.yaml").read_text("utf-8")
    valid: Words = validate(Words, parse_yaml(text, "arithmetic.yaml"), "arithmetic.yaml")
    return valid


class NoValueError(ValueError):
    """What is written has no value that could be compared: a division by zero, apples and oranges added, a number without bounds."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in base units. `place` is what one more in its last written digit is worth; None for what was calculated."""

    value: Fraction
    powers: Powers = NONE
    noun: str = ""
    units: frozenset[Fraction] = field(default_factory=frozenset)  # the factors of the measures in it
    place: Fraction | None = None
    is_whole: bool = False  # written without decimals
    is_exact: bool = True
    scale: Fraction = Fraction(1)  # of a word such as million
    is_percent: bool = False
    has_letter: bool = False  # a measure of one letter stands close to its number: it may be a variable

    def counted(self, noun: str) -> Quantity:
        """The same of something that is counted."""
        return replace(self, noun=noun.lower().removesuffix("s"))

    def measured(self, factor: Fraction, powers: Powers, *, is_letter: bool) -> Quantity:
        """The same of a measure."""
        place = None if self.place is None else self.place * factor
        return replace(self, value=self.value * factor, powers=powers, units=self.units | {factor}, place=place, has_letter=is_letter)

    def scaled(self, factor: Fraction) -> Quantity:
        """The same so many times."""
        return replace(self, value=self.value * factor, place=None if self.place is None else self.place * factor)

    def in_words(self, scale: int) -> Quantity:
        """The same so many times, as a word like million says."""
        return replace(self.scaled(Fraction(scale)), scale=self.scale * scale)

    def negative(self) -> Quantity:
        """The same below zero."""
        return replace(self, value=-self.value)


def added(left: Quantity, right: Quantity, sign: int) -> Quantity:
    """The sum, or the difference where the sign is -1. Raises `NoValueError` for what does not go together."""
    if left.powers != right.powers or left.noun != right.noun:
        raise NoValueError
    return _made(left.value + sign * right.value, left, right, left.powers, left.noun, is_percent=left.is_percent and right.is_percent)


def multiplied(left: Quantity, right: Quantity) -> Quantity:
    """The product. What is counted is lost: three boxes of four pencils may be either."""
    powers = tuple(one + other for one, other in zip(left.powers, right.powers, strict=True))
    return _made(left.value * right.value, left, right, (powers[0], powers[1], powers[2]))


def divided(left: Quantity, right: Quantity) -> Quantity:
    """The quotient. Raises `NoValueError` for a division by zero."""
    if not right.value:
        raise NoValueError
    powers = tuple(one - other for one, other in zip(left.powers, right.powers, strict=True))
    return _made(left.value / right.value, left, right, (powers[0], powers[1], powers[2]))


def raised(base: Quantity, exponent: Quantity) -> Quantity:
    """The power, and roots by exponents that are fractions. Raises `NoValueError` for what is too large or not real."""
    if exponent.powers != NONE or base.powers != NONE or abs(exponent.value.numerator) > _MOST_EXPONENT or exponent.value.denominator > 10:
        raise NoValueError
    if not base.value and exponent.value <= 0:
        raise NoValueError
    bits = max(base.value.numerator.bit_length(), base.value.denominator.bit_length())
    if bits * abs(exponent.value.numerator) > 10 * _MOST_DIGITS:
        raise NoValueError
    power = replace(base, value=base.value**exponent.value.numerator, place=None)
    return root(power, exponent.value.denominator) if exponent.value.denominator > 1 else power


def root(radicand: Quantity, degree: int) -> Quantity:
    """The root, exact where it is a fraction, else with 40 digits."""
    if radicand.value < 0 or radicand.powers != NONE:
        raise NoValueError
    top, bottom = (_whole_root(number, degree) for number in (radicand.value.numerator, radicand.value.denominator))
    if top**degree == radicand.value.numerator and bottom**degree == radicand.value.denominator:
        return replace(radicand, value=Fraction(top, bottom), place=None)
    scale: int = 10**_DIGITS_OF_ROOTS
    value = Fraction(_whole_root(radicand.value.numerator * scale**degree // radicand.value.denominator, degree), scale)
    return replace(radicand, value=value, place=None, is_exact=False)


def _whole_root(number: int, degree: int) -> int:
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle - 1)
    return low


def _made(value: Fraction, left: Quantity, right: Quantity, powers: Powers, noun: str = "", *, is_percent: bool = False) -> Quantity:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_DIGITS:
        raise NoValueError
    is_exact = left.is_exact and right.is_exact
    return Quantity(
        value,
        powers,
        noun,
        left.units | right.units,
        is_exact=is_exact,
        is_percent=is_percent,
        has_letter=left.has_letter or right.has_letter,
    )


def agree(left: Quantity, right: Quantity, *, roughly: bool) -> bool | None:  # noqa: PLR0911  # a case for each way to leave something out
    """Whether two quantities are the same as they are written; None where they cannot be compared, as what they measure differs."""
    if left.noun and right.noun and left.noun != right.noun:
        return None
    if left.powers != right.powers and NONE not in (left.powers, right.powers):
        return None
    if left.powers != right.powers:
        measured, bare = (left, right) if left.powers != NONE else (right, left)
        if measured.has_letter:
            return None
        return any(_same(measured, bare.scaled(unit), roughly=roughly) for unit in {*measured.units, Fraction(1)})
    if _same(left, right, roughly=roughly):
        return True
    if (left.scale == 1) != (right.scale == 1):  # "16 + 12 = 28 million" was reckoned in millions
        one, other = left.scaled(1 / left.scale), right.scaled(1 / right.scale)
        if _same(one, other, roughly=roughly):
            return True
    # A percentage is also written as the number before its sign, as where something is multiplied by 100.
    hundredfold = [(left.scaled(Fraction(100)), right)] * left.is_percent + [(left, right.scaled(Fraction(100)))] * right.is_percent
    return any(_same(one, other, roughly=roughly) for one, other in hundredfold) if left.is_percent != right.is_percent else False


def _same(left: Quantity, right: Quantity, *, roughly: bool) -> bool:
    difference = abs(left.value - right.value)
    if not difference or (not (left.is_exact and right.is_exact) and difference <= abs(left.value) / 10**20):
        return True
    return any(_rounds_to(one, other, roughly=roughly) for one, other in ((left, right), (right, left)))


def _rounds_to(written: Quantity, other: Quantity, *, roughly: bool) -> bool:
    """Whether a number as it is written stands for the other: rounded, or cut off, at its last digit. A whole number is exact."""
    place = written.place
    if place is None or (other.place is not None and (other.place < place or written.powers == NONE)):
        return False  # of two written numbers the finer one is rounded
    if roughly:
        place *= 10 ** _zeros(written.value / place)
    if place <= _FLOAT and abs(written.value - other.value) <= abs(other.value) * _FLOAT:
        return True  # printed by a program
    units = written.units | other.units
    if written.is_whole and written.is_percent and not written.units:
        return other.place is None and abs(written.value - other.value) <= place / 2  # 1/3 = 33%
    if written.is_whole and not roughly and not (units & words().customary and units - words().customary):
        return False
    return abs(written.value - other.value) <= place / 2 or (abs(other.value) >= abs(written.value) > abs(other.value) - place)


def _zeros(whole: Fraction) -> int:
    """Zeros at the end of a whole number: they may be no digits that count."""
    digits = str(abs(whole.numerator)) if whole.denominator == 1 and whole else "1"
    return len(digits) - len(digits.rstrip("0"))
