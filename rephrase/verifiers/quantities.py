"""Plain numbers with or without a unit, as exact fractions: what most answers are, read without any algebra."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from rephrase.verifiers.latex import has_variables
from rephrase.verifiers.units import MONEY, NAMES, read_unit

_FEWEST_DECIMALS = 6  # from which on a decimal may stand for the number that it is rounded from
_MOST_DIGITS = 400

_WHOLE = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?:[ ']\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?:[ ']\d{3})+,(?:\d{1,2}|\d{4,})"
_WHOLE += r"|[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}"
_DECIMAL = r"\d+\.\d*(?:\\overline\s?\{\s?\d+\s?\}|\\dot\s?\{\s?\d\s?\}|\s?\\ldots)?|\.\d+|\d+"
_NUMBER = rf"(?:{_WHOLE}|{_DECIMAL})"
_POWER = r"\^\s?(?:\{\s?(?P<braced>[-+]?\s?\d+)\s?\}|\(\s?(?P<bracketed>[-+]?\d+)\s?\)|(?P<bare>-?\d+))"
_CURRENCY = r"(?:(?:US|A|C|NZ|HK|S)?\$|[€£¥₹₩₽]|(?:USD|EUR|GBP|CNY|RMB|JPY|INR|Rs\.?)(?![A-Za-z]))"
_QUANTITY = re.compile(
    rf"(?:\\approx|~|about|approximately|approx\.?|roughly|=)?\s?(?:(?P<sign>[-+])\s?)?(?:(?P<currency>{_CURRENCY})\s?)?(?:(?P<inner>[-+])\s?)?"
    rf"(?:(?:(?P<mixed>\d{{1,40}})\s?(?:and\s)?)?\\frac\{{\s?(?P<top>[-+]?\s?{_NUMBER})\s?\}}\{{\s?(?P<bottom>-?{_NUMBER})\s?\}}"
    rf"|(?P<whole>\d{{1,40}})\s(?:and\s)?(?P<over>\d{{1,40}})\s?/\s?(?P<under>\d{{1,40}})"
    rf"|10\s?{_POWER}(?!\d)"
    rf"|(?P<number>{_NUMBER})(?:(?:\s?[*x]\s?10\s?{_POWER.replace('P<', 'P<s')}(?!\d))|[eE](?P<exponent>[-+]?\d+)(?![\d.])"
    rf"|\s?/\s?(?P<divisor>-?{_NUMBER}))?)"
    r"(?![\d^_!]|[.,:]\d)(?P<rest>.*)"
)
_SCALES = {
    "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "lakh": 5, "crore": 7, "万": 4, "萬": 4, "亿": 8, "億": 8,
}  # fmt: skip
_SCALE = re.compile(rf"\s?({'|'.join(_SCALES)}|dozen)s?(?![A-Za-z])\s?(?:of\s)?", re.IGNORECASE)
_FUNCTION = re.compile(r"\\(?:pi|sqrt|frac)(?![A-Za-z])")
_BEFORE_UNIT = re.compile(r"(?<![+*/=-])\s(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit. `decimals`: digits behind the point where it was written as a decimal, else None."""

    value: Fraction
    decimals: int | None = None
    unit: str = ""  # "" none, "%", a symbol such as "cm^2" or "$"
    words: frozenset[str] = frozenset()  # of a unit that is no measure, such as apples


@lru_cache(maxsize=4096)
def read_quantity(text: str) -> Quantity | None:
    """The quantity that a simplified answer is; None where it is anything else, such as an expression, a list or a name."""
    match = _QUANTITY.fullmatch(text) if len(text) <= _MOST_DIGITS else None
    if match is None:
        return None
    try:
        value, decimals = _value(match)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    if "-" in (match["sign"], match["inner"]):
        value = -value
    rest = match["rest"]
    if scale := _SCALE.match(rest):
        value *= 12 if scale[1].lower() == "dozen" else 10 ** _SCALES[scale[1].lower()]
        decimals, rest = None, rest[scale.end() :]
        rest = f" {rest}" if rest else ""
    unit = read_unit(rest)
    if unit is None or (match["currency"] and unit[0] and unit[0] not in MONEY):
        return None
    symbol, words = unit
    if match["currency"]:
        symbol = NAMES.get(match["currency"].lower().rstrip("."), "$" if "$" in match["currency"] else match["currency"])
    return Quantity(value, decimals, symbol, words)


def read_with_decimal_comma(text: str) -> Quantity | None:
    """The quantity that an answer is if its comma stands for the point, as in `0,5`, `1,25` or `2,5 kg`.

    None where it groups digits, or may part two numbers: `1,2` is rather a list.
    """
    if len(text) > _MOST_DIGITS or text.count(",") != 1 or "." in text or not re.search(r"\d,\d", text):
        return None
    if re.search(r"[1-9]\d{0,2},\d{3}(?!\d)", text):
        return None
    quantity = read_quantity(text.replace(",", "."))
    is_one = re.search(r"(?<!\d)0,|,\d\d", text) or (quantity and (quantity.unit or quantity.words))
    return quantity if is_one else None


def same_quantity(first: Quantity, second: Quantity) -> bool:
    """Whether two quantities are one. A unit may be left out, and a percentage may be written as its hundredth without the sign.

    Whole numbers and fractions are compared exactly. A decimal of six digits and more may be the rounded other one.
    """
    if first.unit == "%" and not second.unit and not second.words:
        return same_value(first, second) or same_value(_hundredth(first), second)
    if second.unit == "%" and not first.unit and not first.words:
        return same_quantity(second, first)
    return units_go_together(first, second) and same_value(first, second)


def same_value(first: Quantity, second: Quantity) -> bool:
    """Whether the numbers are equal, or one is a long decimal to which the other rounds."""
    if first.value == second.value:
        return True
    for rounded, exact in ((first, second), (second, first)):
        digits = rounded.decimals
        finer = exact.decimals is None or (digits is not None and exact.decimals > digits)
        if digits is not None and digits >= _FEWEST_DECIMALS and finer and exact.value.denominator != 1:
            return abs(rounded.value - exact.value) <= Fraction(1, 2 * 10**digits)
    return False


def unit_apart(expression: str) -> tuple[str, Quantity] | None:
    r"""An expression without variables, and its unit with the number 0: `3\sqrt{2} cm`; None where no unit follows it.

    A lone letter is rather a variable.
    """
    *_, start = (0, *(function.end() for function in _FUNCTION.finditer(expression)))
    space = _BEFORE_UNIT.search(expression, start) if start else None
    if space is None or "\n" in expression:
        return None
    value, words = expression[: space.start()].rstrip(), expression[space.end() :]
    if len(words.strip()) < 2 or has_variables(value):
        return None
    unit = read_unit(f" {words}")
    return (value, Quantity(Fraction(0), None, *unit)) if unit else None


def _hundredth(quantity: Quantity) -> Quantity:
    return replace(quantity, value=quantity.value / 100, decimals=None if quantity.decimals is None else quantity.decimals + 2)


def units_go_together(first: Quantity, second: Quantity) -> bool:
    """Whether the units are one, or one of them was left out."""
    if first.unit and second.unit:
        one, other = first.unit, second.unit
        return one == other or (one.startswith("degree") and other.startswith("degree") and "degree" in (one, other))
    if "%" in (first.unit, second.unit):
        return False  # percent of what is no apples
    if first.words and second.words:
        return bool(first.words & second.words)
    return True if not (first.words or second.words) else not (first.unit or second.unit)


def _value(match: re.Match[str]) -> tuple[Fraction, int | None]:
    """The number, and how many decimals it was written with. Raises `ValueError` where it is too large to be an answer."""
    if match["top"] is not None:
        part = _number(match["top"])[0] / _number(match["bottom"])[0]
        if match["mixed"] and (part < 0 or part >= 1):
            raise ValueError  # a product
        return int(match["mixed"] or 0) + part, None
    if match["whole"] is not None:
        part = Fraction(int(match["over"]), int(match["under"]))
        if part >= 1:
            raise ValueError
        return int(match["whole"]) + part, None
    power = match["braced"] or match["bracketed"] or match["bare"]
    if power is not None:
        return _power(power), None
    value, decimals = _number(match["number"])
    power = match["sbraced"] or match["sbracketed"] or match["sbare"] or match["exponent"]
    if power is not None:
        return value * _power(power), None
    if match["divisor"] is not None:
        return value / _number(match["divisor"])[0], None
    return value, decimals


def _power(digits: str) -> Fraction:
    exponent = int(digits.replace(" ", ""))
    if abs(exponent) > _MOST_DIGITS:
        raise ValueError
    return Fraction(10) ** exponent


def _number(written: str) -> tuple[Fraction, int | None]:
    digits = re.sub(r"[ ']", "", written)
    if re.search(r"\d[ ']\d{3},(?!\d{3}$)", written):  # 1 234,5
        digits = digits.replace(",", ".")
    if repeated := re.fullmatch(r"([-+]?)(\d*)\.(\d*)\\(?:overline|dot)\{(\d+)\}", digits):
        sign, before, fixed, period = repeated.groups()
        value = Fraction(int(before + fixed or 0)) + Fraction(int(period), 10 ** len(period) - 1)
        return (-1 if sign == "-" else 1) * value / 10 ** len(fixed), None
    if endless := re.fullmatch(r"([-+]?\d*\.\d*?)(\d)\2{2,}\\ldots", digits):  # 0.1666…
        return _number(f"{endless[1]}\\overline{{{endless[2]}}}")
    if "\\" in digits:
        raise ValueError
    if re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d{1,3}(?:\.\d{3}){2,}", digits):  # 1.234.567,8
        digits = digits.replace(".", "").replace(",", ".")
    digits = digits.replace(",", "")
    decimals = len(digits.partition(".")[2])
    return Fraction(digits.rstrip(".") if not digits.startswith(".") else f"0{digits}"), decimals or None
