"""Plain numbers with or without a unit, as exact fractions: what most answers are, read without any algebra."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

_FEWEST_DECIMALS = 6  # from which on a decimal may stand for the number that it is rounded from
_MOST_DIGITS = 400

_WHOLE = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?:[ ']\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}"
_DECIMAL = r"\d+\.\d*(?:\\overline\s?\{\s?\d+\s?\}|\\dot\s?\{\s?\d\s?\}|\s?\\ldots)?|\.\d+|\d+"
_NUMBER = rf"(?:{_WHOLE}|{_DECIMAL})"
_POWER = r"\^\s?(?:\{\s?(?P<braced>[-+]?\s?\d+)\s?\}|\(\s?(?P<bracketed>[-+]?\d+)\s?\)|(?P<bare>-?\d+))"
_CURRENCY = r"(?:(?:US|A|C|NZ|HK|S)?\$|[€£¥₹₩₽]|(?:USD|EUR|GBP|CNY|RMB|JPY|INR|Rs\.?)(?![A-Za-z]))"
_QUANTITY = re.compile(
    rf"(?:\\approx|~|about|approximately|approx\.?|roughly|=)?\s?(?P<sign>[-+])?\s?(?P<currency>{_CURRENCY})?\s?(?P<inner>[-+])?\s?"
    rf"(?:(?:(?P<mixed>\d{{1,40}})\s?(?:and\s)?)?\\frac\{{\s?(?P<top>[-+]?\s?{_NUMBER})\s?\}}\{{\s?(?P<bottom>-?{_NUMBER})\s?\}}"
    rf"|(?P<whole>\d{{1,40}})\s(?:and\s)?(?P<over>\d{{1,40}})\s?/\s?(?P<under>\d{{1,40}})"
    rf"|10\s?{_POWER}(?!\d)"
    rf"|(?P<number>{_NUMBER})(?:(?:\s?[*x]\s?10\s?{_POWER.replace('P<', 'P<s')}(?!\d))|[eE](?P<exponent>[-+]?\d+)(?![\d.])"
    rf"|\s?/\s?(?P<divisor>-?{_NUMBER}))?)"
    r"(?![\d^_!]|[.,:]\d)(?P<rest>.*)"
)
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "lakh": 5, "crore": 7, "万": 4, "萬": 4, "亿": 8, "億": 8}
_SCALE = re.compile(rf"\s?({'|'.join(_SCALES)}|dozen)s?(?![A-Za-z])\s?(?:of\s)?", re.IGNORECASE)
_PERCENT = re.compile(r"(?:%|percent(?:age)?(?: points?)?|per cent|pct|prozent|por ciento|pour cent)\s*(?P<of>[A-Za-z ]*)", re.IGNORECASE)
_UNITS = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "dm": "decimeter", "m": "meter metre", "km": "kilometer kilometre",
    "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile", "mg": "milligram", "g": "gram gm gramme", "kg": "kilogram kilo kilogramme", "t": "ton tonne",
    "lb": "pound lbs", "oz": "ounce", "ml": "milliliter millilitre", "cl": "centiliter", "l": "liter litre", "gal": "gallon", "s": "second sec",
    "ms": "millisecond", "min": "minute mins", "h": "hour hr hrs", "d": "day", "wk": "week", "mo": "month", "yr": "year yrs", "degree": "deg",
    "rad": "radian", "c": "celsius", "f": "fahrenheit", "k": "kelvin", "n": "newton", "j": "joule", "kj": "kilojoule", "w": "watt", "kw": "kilowatt", "v": "volt", "a": "ampere amp",
    "hz": "hertz", "pa": "pascal", "kpa": "kilopascal", "mol": "mole", "ohm": "ω", "mph": "", "kph": "kmh", "cal": "calorie", "kcal": "kilocalorie", "acre": "", "ha": "hectare",
    "$": "dollar usd us$ us buck", "€": "euro eur", "£": "gbp", "¥": "yen yuan rmb cny jpy 元 円 块", "₹": "rupee rs inr", "₩": "won", "₽": "ruble",
    "cent": "penny pennie", "unit": "", "square": "sq", "cubic": "cu",
}  # fmt: skip
_NAMES = {name: short for short, names in _UNITS.items() for name in [short, *names.split()]}
_MONEY = {"$", "€", "£", "¥", "₹", "₩", "₽", "cent"}
_UNIT_PART = re.compile(r"\s?(per\b|[/*·]|\^\s?\{?\s?-?[1-9]\s?\}?|[1-9](?![\d.])|[^\W\d_]+|[$€£¥₹₩₽Ω])\.?", re.IGNORECASE)
_NO_UNIT = frozenset(
    "and or to than least most more less fewer minus plus times over squared cubed mod modulo not sin cos tan if when for where is are "
    "factorial choose base e i infinity through until vs versus by divided multiplied".split()
)
_LIGHT = frozenset("of the a an in on each per total altogether left away long tall old wide high deep about".split())


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
    unit = _unit(rest)
    if unit is None or (match["currency"] and unit[0] and unit[0] not in _MONEY):
        return None
    symbol, words = unit
    if match["currency"]:
        symbol = _NAMES.get(match["currency"].lower().rstrip("."), "$" if "$" in match["currency"] else match["currency"])
    return Quantity(value, decimals, symbol, words)


def read_with_decimal_comma(text: str) -> Quantity | None:
    """The quantity that an answer is if its comma stands for the point, as in `2,5 kg`; None where it groups digits, or does not fit."""
    if len(text) > _MOST_DIGITS or text.count(",") != 1 or "." in text or not re.search(r"\d,\d", text):
        return None
    return read_quantity(text.replace(",", ".")) if not re.search(r"[1-9]\d{0,2},\d{3}(?!\d)", text) else None


def same_quantity(first: Quantity, second: Quantity) -> bool:
    """Whether two quantities are one. A unit may be left out, and a percentage may be written as its hundredth without the sign.

    Whole numbers and fractions are compared exactly. A decimal of six digits and more may be the rounded other one.
    """
    if first.unit == "%" and not second.unit and not second.words:
        return same_value(first, second) or same_value(_hundredth(first), second)
    if second.unit == "%" and not first.unit and not first.words:
        return same_quantity(second, first)
    return _units_go_together(first, second) and same_value(first, second)


def same_value(first: Quantity, second: Quantity) -> bool:
    """Whether the numbers are equal, or one is a long decimal to which the other rounds."""
    if first.value == second.value:
        return True
    for rounded, exact in ((first, second), (second, first)):
        digits = rounded.decimals
        finer = exact.decimals is None or (digits is not None and exact.decimals > digits)
        if digits is not None and digits >= _FEWEST_DECIMALS and finer and exact.value.denominator != 1:
            return abs(rounded.value - exact.value) * 2 * 10**digits <= 1
    return False


def _hundredth(quantity: Quantity) -> Quantity:
    return replace(quantity, value=quantity.value / 100, decimals=None if quantity.decimals is None else quantity.decimals + 2)


def _units_go_together(first: Quantity, second: Quantity) -> bool:
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


def _unit(rest: str) -> tuple[str, frozenset[str]] | None:
    """Symbol and words of a unit; None where what follows the number is no unit."""
    text = rest.strip()
    if not text:
        return "", frozenset()
    if percent := _PERCENT.fullmatch(text):
        return ("%", frozenset()) if not set(percent["of"].split()) & _NO_UNIT else None
    apart = rest[0] == " "
    parts, at = [], 0
    while at < len(text):
        part = _UNIT_PART.match(text, at)
        if part is None:
            return _with_remark(text)
        parts.append(part[1].strip())
        at = part.end()
    names = [_NAMES.get(part.lower(), _NAMES.get(part.lower().removesuffix("s"), "")) for part in parts]
    marks = [_mark(part) for part in parts]
    if all(name or mark for name, mark in zip(names, marks, strict=True)) and names[0]:
        if not apart and len(parts[0]) == 1 and parts[0].isascii() and parts[0].isalpha() and (len(parts) == 1 or marks[1] not in ("/", "^2", "^3")):
            return None  # 5m may be five times m
        return _symbol([name or mark for name, mark in zip(names, marks, strict=True)]), frozenset()
    words = [part.lower() for part in parts]
    if any(word in _NO_UNIT or not word.isalpha() for word in words) or (words[0].isascii() and (not apart or len(words[0]) < 3)):
        return None
    return "", frozenset(word.removesuffix("s") for word in words if word not in _LIGHT)


def _with_remark(text: str) -> tuple[str, frozenset[str]] | None:
    """The unit before a remark in brackets, where the remark is words alone."""
    remark = re.fullmatch(r"([^()]*)\(\s?([A-Za-z][A-Za-z ,]*)\)", text)
    if remark and not set(remark[2].lower().split()) & _NO_UNIT and len(remark[2]) > 2:
        return _unit(f" {remark[1]}") if remark[1].strip() else ("", frozenset())
    return None


def _mark(part: str) -> str:
    if part.lower() == "per" or part == "/":
        return "/"
    if part in ("*", "·"):
        return "*"
    digits = re.sub(r"[\s^{}]", "", part)
    return f"^{digits}" if re.fullmatch(r"-?[1-9]", digits) else ""


def _symbol(parts: list[str]) -> str:
    """One writing of a unit: square cm, cm^2 and cm2 are one, so are m/s and m s^-1, mph and miles per hour."""
    factors: list[list[object]] = []
    power, sign = 1, 1
    for part in parts:
        if part == "/":
            sign = -1
        elif part == "*":
            continue
        elif part.startswith("^"):
            factors[-1][1] = sign * int(part[1:])
            sign = 1
        elif part in ("square", "cubic"):
            power = 2 if part == "square" else 3
        else:
            for name, exponent in {"mph": (("mi", 1), ("h", -1)), "kph": (("km", 1), ("h", -1))}.get(part, ((part, 1),)):
                factors.append([name, sign * power * exponent])
            power, sign = 1, 1
    written = sorted((str(name), exponent) for name, exponent in factors)
    return "*".join(name if exponent == 1 else f"{name}^{exponent}" for name, exponent in written)
