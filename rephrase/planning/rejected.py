"""Why recipes keep few of their rows, as far as a sample tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rephrase.notes import JudgedNote
from rephrase.planning.figures import Kept
from rephrase.planning.measured import Measured
from rephrase.spark.stages.cut import about_cut, cut_answers
from rephrase.spark.stages.unit_notes import rejections

if TYPE_CHECKING:
    from rephrase.config.run import Run

_FEW = 0.5  # of a recipe's rows: where fewer are kept, it is said why
_REASONS = 2  # checks that are named


def about_rejections(run: Run, kept: Sequence[Kept], sample: Measured) -> list[str]:
    """What rejected most rows of the recipes that keep few of them, and the setting to raise where their answers were cut."""
    low = [one.recipe for one in kept if one.keep_rate is not None and one.keep_rate.value < _FEW]
    remarks = []
    for recipe in low:
        verdicts = sum((note for note in sample.judged if note.recipe == recipe), JudgedNote()).verdicts
        remarks.append(f"{recipe} keeps few rows in {sample.told_by}: rejected by {rejections(verdicts, _REASONS)}")
    answers = cut_answers(run, (n for n in sample.notes if n.recipe in low), (n for n in sample.judged if n.recipe in low))
    cut = about_cut(run, answers)
    return [*remarks, *([cut] if cut else [])]
