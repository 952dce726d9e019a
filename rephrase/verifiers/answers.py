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
_IN_A_FORMULA = re.compile(r"[{^_\\]\s?-?$")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_DENIED = re.compile(r"\b(?:wrong|incorrect|not|never|neither|if|cannot)\b|n['’]t\b", re.IGNORECASE)
_SENTENCE = 200
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
    formula = _last(_FORMULA, text)
    number = _last(_NUMBER, text)
    if formula and (number is None or number.start() < formula.end()):
        content = next(group for group in formula.groups() if group is not None).strip().rstrip(".,")
        if content.startswith("\\text") or not (_PROSE.search(content) or content.endswith(("+", "-", "*", "="))):
            return _right_side(content)
    if number is None or _IN_A_FORMULA.search(text[max(0, number.start() - 3) : number.start()]):
        return None
    if re.match(r"[^\n.!?]{0,60}\?", text[number.end() :]):  # asked, not answered
        return None
    if _DENIED.search(re.split(r"[.!?]\s|[\n\d]", text[max(0, number.start() - _SENTENCE) : number.start()])[-1]):
        return None
    return number[0].rstrip(",")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), maxlen=1)), None)
