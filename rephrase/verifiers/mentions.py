"""The last number or formula of a text, where nothing in it is called the answer."""

from __future__ import annotations

import re
from collections import deque

from rephrase.verifiers.doubts import is_aside, is_only_possible, is_taken_back
from rephrase.verifiers.equality import assigned
from rephrase.verifiers.evidence import in_mathematics
from rephrase.verifiers.latex import has_variables

_NEAR_THE_END = 4000  # characters in which a mere mention counts
_LONGEST_ALONE = 200
_SENTENCE = 200
_MOST_JOINED = 8
_FORMULA = re.compile(
    r"\$\$([^$]{1,300})\$\$|(?<![\\\w])\$((?:\\\$|[^$\n]){1,300})(?<!\\)\$(?!\d)|\\\(([^\n]{1,300}?)\\\)|\\\[([^\[\]]{1,300}?)\\\]"
)
_DIGITS = r"\d[\d,]*+(?:\.\d+)?+"
_NUMBER = re.compile(
    r"(?<![\w.\\,])(?:[-−–‐‑﹣－]|(?<=[=:]\s)[-−–]\s)?[$€£]?" + _DIGITS +
    # a power of ten, a mixed number, a fraction; a ratio, a time or a range
    r"(?:e[-+]?\d++|\s\d++/\d++|[^\S\n]{0,2}/[^\S\n]{0,2}\d+|(?:[:–—~-](?=\d)" + _DIGITS + r"){1,3})?"
    r"%?(?:\s(?:hundred|thousand|million|billion|trillion|dozen)\b)?",
    re.IGNORECASE,
)  # fmt: skip
_POINT = re.compile(r"[(\[]\s?[-−]?\d[^()\[\]A-Za-z,;\n]{0,40}[,;][^()\[\]A-Za-z\n]{0,80}[)\]]")
_PLAIN = re.compile(rf"[-−]?[$€£]?{_DIGITS}(?:\s?/\s?\d+)?%?")
# Inside of a formula, one of several, the number of an item or of a thing that is counted, a day, the end of a range.
_NO_ANSWER_AFTER = re.compile(
    r"[{^_\\√]\s?-?$|[\w)]\s?[+×÷·]\s?$|[\d)]\s?[*/]\s?$|[\d)]\s[-−–]\s$|[≠<>≤≥]\s?$|\bor\s$|\bbetween\s[^\n]{1,20}\sand\s$|\d\s?to\s$"
    r"|\b(?:step|problem|question|figure|table|equation|section|part|case|example|exercise|page|chapter|option|no\.)s?\s\(?#?$"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s$",
    re.IGNORECASE,
)
_NO_ANSWER_BEFORE = re.compile(
    r"\s?[+×÷^_]\s?[\w(\\]|\s?[√π]|\*[\w(]|\s\*\s|\s?/\s?[(\\]|\s?\\[A-Za-z]|\s[-−–]\s[\d(]|(?:[a-z]|st|nd|rd|th|pi|sqrt)(?![A-Za-z²³^])|[^\n.!?]{0,60}\?",
    re.IGNORECASE,
)
_FIRST_PART = re.compile(
    r"\d[\d,.]{0,19}\s?(?:hours?|hrs?|h|minutes?|mins?|feet|foot|ft|pounds?|lbs?|dollars?|years?|months?|weeks?|days?),?\s(?:and\s)?$"
)
_ITEM = re.compile(r"[^\S\n]{0,8}\d{1,3}[.)][^\S\n]+\S")
_JOINT = re.compile(r",?\s(?:and|or)\s")
_LETTER_OF_ANSWER = re.compile(r"[*_]{0,3}A[*_]{0,3}[:：][*_ ]{0,4}")
_EMPTY_BOX = re.compile(r"\\(?:boxed|fbox)[ \t]{0,4}\{\s{0,8}\}")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}")


def mentioned_answer(text: str) -> str | None:
    """What a text without prose is as a whole, or the last number or formula near its end; None where that is named aside."""
    text = _EMPTY_BOX.sub("", text)
    whole = _LETTER_OF_ANSWER.sub("", text.strip())
    if len(whole) <= _LONGEST_ALONE and not _PROSE.search(whole) and "=" not in whole and "\n" not in whole:
        return whole if re.search(r"\w", whole) else None
    if (alone := in_mathematics(whole)) and not alone[1].strip(" ."):
        return _right_side(alone[0])
    text = text[-_NEAR_THE_END:]
    formulas = deque(_FORMULA.finditer(text), maxlen=_MOST_JOINED)
    formula = formulas[-1] if formulas else None
    number = _last(_NUMBER, text)
    if formula and (number is None or number.start() < formula.end()):
        content = next(group for group in formula.groups() if group is not None).strip().rstrip(".,")
        if content.startswith("\\text") or not (_PROSE.search(content) or content.endswith(("+", "-", "*", "="))):
            start, end = formula.span()
            if is_aside(text[max(0, start - _SENTENCE) : start]) or is_only_possible(text, start) or is_taken_back(text, end):
                return None
            return _joined(text, list(formulas)) or _right_side(content)
    return _number(text, number) if number else None


def _right_side(formula: str) -> str:
    """The value of a chain such as `x = 3 + 4 = 7`; an equation stays whole."""
    value = formula.rpartition("=")[2].strip()
    return value if _PLAIN.fullmatch(value) and (assigned(formula) or not has_variables(formula)) else formula


def _number(text: str, number: re.Match[str]) -> str | None:
    """A number with what belongs to it; None where it is named aside: part of a formula, the number of an item, asked for, denied."""
    start, written = number.start(), number[0].rstrip(",")
    end = start + len(written)
    if point := next((one for one in _POINT.finditer(text, max(0, start - _SENTENCE)) if one.start() < start and end < one.end()), None):
        return point[0]
    before = text[max(0, start - _SENTENCE) : start]
    item = _ITEM.match(text, text.rfind("\n", 0, start) + 1)
    if (item and item.end() > start) or _NO_ANSWER_AFTER.search(before[-40:]) or _NO_ANSWER_BEFORE.match(text, end):
        return None
    if is_aside(before) or is_only_possible(text, start) or is_taken_back(text, end):
        return None
    if first := _FIRST_PART.search(before[-40:]):  # 5 hours 30 minutes
        unit = re.match(r"\s?[A-Za-z]+", text[end : end + 20])
        return first[0] + written + (unit[0] if unit else "")
    return re.sub(r"(?<=[-−–])\s", "", written)


def _joined(text: str, formulas: list[re.Match[str]]) -> str:
    """The last formulas with the words between them, where "and" or "or" joins them into one answer; else nothing."""
    first = len(formulas) - 1
    while first and _JOINT.fullmatch(text[formulas[first - 1].end() : formulas[first].start()]):
        first -= 1
    return text[formulas[first].start() : formulas[-1].end()] if first < len(formulas) - 1 else ""


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)
