"""Units of answers: one symbol for the many ways to write a measure, and the words of what is counted."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"(?:%|percent(?:age)?(?: points?)?|per cent|pct|prozent|por ciento|pour cent)\s*(?P<of>[A-Za-z ]*)", re.IGNORECASE)
_UNITS = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "dm": "decimeter", "m": "meter metre",
    "km": "kilometer kilometre", "in": "inch inche", "ft": "foot feet", "yd": "yard", "mi": "mile", "mg": "milligram",
    "g": "gram gm gramme", "kg": "kilogram kilo kilogramme", "t": "ton tonne", "lb": "pound lbs", "oz": "ounce",
    "ml": "milliliter millilitre", "cl": "centiliter", "l": "liter litre", "gal": "gallon", "s": "second sec",
    "ms": "millisecond", "min": "minute mins", "h": "hour hr hrs", "d": "day", "wk": "week", "mo": "month", "yr": "year yrs",
    "degree": "deg", "rad": "radian", "c": "celsius", "f": "fahrenheit", "k": "kelvin", "n": "newton", "j": "joule",
    "kj": "kilojoule", "w": "watt", "kw": "kilowatt", "v": "volt", "a": "ampere amp", "hz": "hertz", "pa": "pascal",
    "kpa": "kilopascal", "mol": "mole", "ohm": "ω", "mph": "", "kph": "kmh", "cal": "calorie", "kcal": "kilocalorie", "acre": "",
    "ha": "hectare", "$": "dollar usd us$ us buck", "€": "euro eur", "£": "gbp", "¥": "yen yuan rmb cny jpy 元 円 块",
    "₹": "rupee rs inr", "₩": "won", "₽": "ruble", "cent": "penny pennie", "unit": "", "square": "sq", "cubic": "cu",
}  # fmt: skip
NAMES = {name: short for short, names in _UNITS.items() for name in [short, *names.split()]}
MONEY = {"$", "€", "£", "¥", "₹", "₩", "₽", "cent"}
_UNIT_PART = re.compile(r"\s?(per\b|[/*·]|\^\s?\{?\s?-?[1-9]\s?\}?|(?<!\s)[1-9](?![\d.])|[^\W\d_]+|[$€£¥₹₩₽Ω])\.?", re.IGNORECASE)
_MEGA = re.compile(r"M(?:W|V|A|J|N|m|g|s|Pa|Hz|eV|B|b|Ω|ohms?)")  # the only prefix that its case tells from another, milli
_RELATING = (
    "and or to than least most more less fewer minus plus times over squared cubed mod modulo not sin cos tan if when for "
    "where is are factorial choose base e i infinity through until vs versus by divided multiplied"
)
_NO_UNIT = frozenset(_RELATING.split())
_REMARKING = "of the a an in on each per total altogether left away long tall old wide high deep about"
_LIGHT = frozenset(_REMARKING.split())


def read_unit(rest: str) -> tuple[str, frozenset[str]] | None:  # noqa: PLR0911  # a case for each kind of unit
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
        parts.append(f"mega{part[1][1:]}" if _MEGA.fullmatch(part[1]) else part[1].strip())
        at = part.end()
    names = [NAMES.get(part.lower(), NAMES.get(part.lower().removesuffix("s"), "")) for part in parts]
    marks = [_mark(part) for part in parts]
    if all(name or mark for name, mark in zip(names, marks, strict=True)) and names[0]:
        a_letter = len(parts[0]) == 1 and parts[0].isascii() and parts[0].isalpha()
        if a_letter and not apart and marks[1:2] not in (["/"], ["^2"], ["^3"]):
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
        return read_unit(f" {remark[1]}") if remark[1].strip() else ("", frozenset())
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
