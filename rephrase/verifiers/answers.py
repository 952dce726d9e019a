"""Final answers of mathematical problems: found in a text, and compared by value."""

from __future__ import annotations

import re
from collections import deque

from rephrase.verifiers.equality import assigned, same_answer
from rephrase.verifiers.evidence import LOOKED_AT, boxes, gold_answer, in_mathematics, marked_answers, stated_answers

__all__ = ["final_answer", "gold_answer", "same_answer"]

_NEAR_THE_END = 4000  # characters in which a mere mention counts
_LONGEST_ALONE = 200
_FORMULA = re.compile(
    r"\$\$([^$]{1,300})\$\$|(?<![\\\w])\$([^$\n]{1,300})(?<!\\)\$(?!\d)|\\\(([^\n]{1,300}?)\\\)|\\\[([^\[\]]{1,300}?)\\\]"
)
_NUMBER = re.compile(r"(?<![\w.\\,])[-−]?[$€£]?\d[\d,]*+(?:\.\d+)?+(?:[^\S\n]{0,2}/[^\S\n]{0,2}\d+)?+%?")
# Inside of a formula, one of several, the number of an item or of a thing that is counted.
_NO_ANSWER_AFTER = re.compile(
    r"[{^_\\]\s?-?$|\bor\s$|\b(?:step|problem|question|figure|table|equation|section|part|case|example|exercise|page)s?\s\(?$",
    re.IGNORECASE,
)
_ITEM = re.compile(r"[^\S\n]{0,8}\d{1,3}[.)][^\S\n]+\S")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_DENIED = re.compile(r"\b(?:wrong|incorrect|not|never|neither|if|cannot)\b|n['’]t\b", re.IGNORECASE)
_SENTENCE = 200
_MOST_JOINED = 8
_JOINT = re.compile(r",?\s(?:and|or)\s")
_LETTER_OF_ANSWER = re.compile(r"[*_]{0,3}A[*_]{0,3}[:：][*_ ]{0,4}")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}")


def final_answer(text: str) -> str | None:
    r"""The final answer that a solution states, by the rank of its evidence; None where it states none.

    In `\boxed{}`; called the answer ("the answer is", "Answer:", and so in other languages); a number behind `####`; or else the last
    number or formula that is mentioned. Of equal rank, the last one counts.
    """
    text = text[-LOOKED_AT:]
    for evidence in (boxes, stated_answers, marked_answers):
        answer = next(evidence(text), None)
        if answer:
            return answer
    return _mentioned(text[-_NEAR_THE_END:])


def _right_side(formula: str) -> str:
    """The value of a chain such as `x = 3 + 4 = 7`; an equation stays whole."""
    value = formula.rpartition("=")[2].strip()
    return value if _NUMBER.fullmatch(value) and (assigned(formula) or not re.search(r"[A-Za-z]", _COMMAND.sub("", formula))) else formula


def _mentioned(text: str) -> str | None:
    whole = _LETTER_OF_ANSWER.sub("", text.strip())
    if len(whole) <= _LONGEST_ALONE and not _PROSE.search(whole) and "=" not in whole and "\n" not in whole:
        return whole if re.search(r"\w", whole) else None
    if (alone := in_mathematics(whole)) and not alone[1].strip(" ."):
        return _right_side(alone[0])
    formulas = deque(_FORMULA.finditer(text), maxlen=_MOST_JOINED)
    formula = formulas[-1] if formulas else None
    number = _last(_NUMBER, text)
    if formula and (number is None or number.start() < formula.end()):
        content = next(group for group in formula.groups() if group is not None).strip().rstrip(".,")
        if content.startswith("\\text") or not (_PROSE.search(content) or content.endswith(("+", "-", "*", "="))):
            return _joined(text, list(formulas)) or _right_side(content)
    return number[0].rstrip(",") if number and not _is_aside(text, number) else None


def _is_aside(text: str, number: re.Match[str]) -> bool:
    """Whether a number is a part of a formula, the number of an item, one of several, or is asked for, or denied."""
    start = number.start()
    if _NO_ANSWER_AFTER.search(text[max(0, start - 12) : start]):
        return True
    item = _ITEM.match(text, text.rfind("\n", 0, start) + 1)
    if (item and item.end() > start) or re.match(r"[^\n.!?]{0,60}\?", text[number.end() :]):
        return True
    return bool(_DENIED.search(re.split(r"[.!?]\s|[\n\d]", text[max(0, start - _SENTENCE) : start])[-1]))


def _joined(text: str, formulas: list[re.Match[str]]) -> str:
    """The last formulas with the words between them, where "and" or "or" joins them into one answer; else nothing."""
    first = len(formulas) - 1
    while first and _JOINT.fullmatch(text[formulas[first - 1].end() : formulas[first].start()]):
        first -= 1
    return text[formulas[first].start() : formulas[-1].end()] if first < len(formulas) - 1 else ""


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)
