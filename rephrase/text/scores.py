"""Grades as models write them: "Score: **4**", "4 out of 5", "[[4]]". A grade on another scale, or a range, is none."""

from __future__ import annotations

import re

from rephrase.text.labels import spellings

_WORDS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_NUMBER = rf"(?:[-−]?\d{{1,9}}(?:[.,]\d{{1,9}})?|(?:{'|'.join(_WORDS)})\b)"
_OPEN, _CLOSE = r"[ \t*_`\"'“”‘’<(\[$|]{0,8}+(?:\\boxed\{)?[*_]{0,3}", r"[ \t*_`\"'“”‘’>)\]$}|]{0,8}"
_STARS = r"(?:points?|stars?|pts?\.?|punkte?|puntos?|分|点|점)?"
# A number, perhaps a sum that comes to it, and its scale: "4", "1 + 1 + 2 = 4", "4/5", "4 out of 5", "4 stars of 5".
_VALUE = (
    rf"(?P<terms>(?:{_NUMBER}\s?\+\s?){{1,12}}{_NUMBER}\s?(?:=\s?[*_]{{0,3}})?)?(?P<number>{_NUMBER})?{_CLOSE}{_STARS}{_CLOSE}"
    r"(?:(?:/|\(?out of|\(?of|\(?on a scale (?:of|from) \d{1,3}\s?(?:to|-|–)|von|sur|su|de|из|／)[ \t*_]{0,4}"
    rf"(?P<scale>\d{{1,4}}(?:\.0)?)(?![\d.]*\d){_CLOSE}{_STARS})?{_CLOSE}(?P<percent>%|percent)?"
)
# What may not follow: the other end of a range, another operation, letters that make it a different thing.
_NO_END = re.compile(
    r"\s{0,3}(?:[-–—~+*/×x=^]\s?\d|(?:to|or|and|bis|oder|a|ou|o|y|или|到|至|或)\s?\d|[^\W\d_]{1,3}\d|(?:th|st|nd|rd)\b|e[+-]?\d|(?<=\d)[A-Za-z]|[.,:]\d)",
    re.IGNORECASE,
)
_HIDDEN = re.compile(rf"(?:\\boxed\{{|\[\[)\s{{0,4}}({_NUMBER})\s{{0,4}}(?:\}}|\]\])", re.IGNORECASE)
_WHOLE = re.compile(rf"[\s]*+{_OPEN}{_VALUE}[\s.!]*+", re.IGNORECASE)


def read_score(text: str, low: float, high: float, label: str = "score") -> float | None:
    """The grade that a text gives last, within its bounds; None where it gives none, or not clearly one of this scale.

    label: what stands before it. "score" stands for its synonyms and for the words of other languages, too.
    """
    names = (label, *spellings().get(label.casefold(), ()))
    written = "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True))
    scale = r"(?:[ \t]?[(\[][^()\[\]\n]{0,40}[)\]])?"  # "Score (1-5):"
    between = r"[ \t*_`\"'|]{0,8}+(?:[:：=→|>–—-]|is|of|ist|est|es|é|[ \t])?[ \t*_`\"'|]{0,8}+(?:(?P<line>\n{1,3})[ \t#*_>-]{0,8})?"
    labelled = re.compile(rf"(?<![^\W_])(?:{written})(?![^\W\d_]){scale}{between}{_OPEN}{_VALUE}", re.IGNORECASE)
    readings = [match for match in labelled.finditer(text) if (match["number"] or match["terms"]) and _stands_alone(match, text)]
    if readings:
        last = readings[-1]
        return None if _NO_END.match(text, last.end()) else _value(last, low, high)
    hidden = _HIDDEN.findall(text)
    if hidden:
        return _bounded(_number(hidden[-1]), low, high)
    whole = _WHOLE.fullmatch(text) if len(text) < 200 else None  # longer texts say more than a grade
    return _value(whole, low, high) if whole else None


def _stands_alone(match: re.Match[str], text: str) -> bool:
    """Whether a number on the line after its label is all that the line says, and not the number of a list's item."""
    if not match["line"]:
        return True
    end = text.find("\n", match.end())
    return not text[match.end() : len(text) if end < 0 else end].strip(" .*_")


def _value(match: re.Match[str], low: float, high: float) -> float | None:
    if match["percent"] or not (match["number"] or match["terms"]):
        return None
    if match["scale"] and float(match["scale"]) != high:
        return None
    if match["terms"]:
        terms = [_number(term) for term in re.findall(_NUMBER, match["terms"], re.IGNORECASE)]
        total = sum(term for term in terms)
        stated = _number(match["number"]) if match["number"] else total
        return _bounded(stated, low, high) if abs(stated - total) < 1e-9 or "=" not in match["terms"] else None
    return _bounded(_number(match["number"]), low, high)


def _bounded(value: float, low: float, high: float) -> float | None:
    return value if low <= value <= high else None


def _number(written: str) -> float:
    word = _WORDS.get(written.casefold())
    return float(word if word is not None else written.replace(",", ".").replace("−", "-"))
