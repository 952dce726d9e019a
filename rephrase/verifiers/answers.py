"""Final answers of mathematical problems: found in a text, and compared by value."""

from __future__ import annotations

from rephrase.verifiers.equality import same_answer
from rephrase.verifiers.evidence import LOOKED_AT, boxes, gold_answer, marked_answers, stated_answers
from rephrase.verifiers.mentions import mentioned_answer

__all__ = ["final_answer", "gold_answer", "same_answer"]


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
    return mentioned_answer(text)
