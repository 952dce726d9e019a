"""Final answers of mathematical problems: found in a text, and compared by value."""

from __future__ import annotations

import re

from rephrase.verifiers.equality import same_answer
from rephrase.verifiers.evidence import boxes, gold_answer, marked_answers, stated_answers

__all__ = ["final_answer", "gold_answer", "same_answer"]

_NEAR_THE_END = 4000  # characters in which a mere mention counts
_FORMULA = re.compile(r"\$\$([^$]{1,300})\$\$|(?<![\\\w])\$([^$\n]{1,300})(?<![\\\s])\$(?!\d)|\\\(([^\n]{1,300}?)\\\)|\\\[([^\[\]]{1,300}?)\\\]")
_NUMBER = re.compile(r"(?<![\w.\\,])[-−]?[$€£]?\d[\d,]*+(?:\.\d+)?+(?:[^\S\n]{0,2}/[^\S\n]{0,2}\d+)?+%?")  # noqa: RUF001
_IN_A_FORMULA = re.compile(r"[{^_\\]\s?-?$")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}")


def final_answer(text: str) -> str | None:
    r"""The final answer that a solution states, by the rank of its evidence; None where it states none.

    In `\boxed{}`; called the answer ("the answer is", "Answer:", and so in other languages); a number behind `####`; or else the last
    number or formula that is mentioned. Of equal rank, the last one counts.
    """
    for evidence in (boxes, stated_answers, marked_answers):
        answer = next(evidence(text), None)
        if answer:
            return answer
    return _mentioned(text[-_NEAR_THE_END:])


def _mentioned(text: str) -> str | None:
    formula = None
    for formula in _FORMULA.finditer(text):
        pass
    number = None
    for number in _NUMBER.finditer(text):
        pass
    if formula and (number is None or number.start() < formula.end()):
        content = next(group for group in formula.groups() if group is not None).strip().rstrip(".,")
        if not _PROSE.search(content):
            return content.rpartition("=")[2].strip() or content
    if number is None or _IN_A_FORMULA.search(text[max(0, number.start() - 3) : number.start()]):
        return None
    return number[0].rstrip(",")
