"""Whom a distilled classifier learnt from, and how far both agree on texts that it has not seen."""

from __future__ import annotations

import numpy as np

from classifiers.fasttext.metrics import Scores, line_at, mean_ranks
from rephrase.settings.section import Section


class Agreement(Section):
    """Two classifiers of the same texts. The first is taken for the truth where one of them must be."""

    texts: int
    pearson: float | None
    """The correlation of both scores; None where one of them is the same for all texts."""
    spearman: float | None
    """The correlation of both ranks: 1 where they put all texts into the same order."""
    kept_by_teacher: float
    """Share of the texts at or above its bound."""
    kept: float
    """At or above the threshold."""
    accuracy: float
    """Share of the texts that both keep, or both do not."""
    kappa: float | None
    """The same beyond chance (Cohen 1960): 1 is full, 0 that of chance. None where chance alone makes all agree."""
    precision: float
    recall: float
    f1: float


class Teacher(Section):
    """The encoder that labelled the texts of a training."""

    encoder: str
    digest: str | None
    """Of its folder; None for a hub id."""
    label: str | None
    """The label whose probability it gave; None where it gives a number."""
    min: float
    """Its score from which texts count as good."""
    texts: int
    """That it labelled."""
    agreement: Agreement
    """On a tenth of them, which no training saw."""


def agreement(teacher: Scores, bound: float, student: Scores, threshold: float) -> Agreement:
    """How far two scores of the same texts agree, and the decisions by a bound of each. No score may be NaN."""
    good, kept = teacher >= bound, student >= threshold
    accuracy = float((good == kept).mean())
    chance = float(good.mean() * kept.mean() + (1 - good.mean()) * (1 - kept.mean()))
    line = line_at(threshold, good, student)
    return Agreement(
        texts=len(teacher),
        pearson=_correlation(teacher, student),
        spearman=_correlation(mean_ranks(teacher), mean_ranks(student)),
        kept_by_teacher=float(good.mean()),
        kept=float(kept.mean()),
        accuracy=accuracy,
        kappa=None if chance == 1 else (accuracy - chance) / (1 - chance),
        precision=line.precision,
        recall=line.recall,
        f1=line.f1,
    )


def describe_teacher(teacher: Teacher) -> str:
    """A section of a model card, as Markdown."""
    part = teacher.agreement
    score = f"P(`{teacher.label}`)" if teacher.label else "score"
    digest = f" (digest `{teacher.digest}`)" if teacher.digest else ""
    return f"""## Teacher

Distilled from the encoder `{teacher.encoder}`{digest}, which labelled {teacher.texts:,} texts: good are those whose {score} is at least
{teacher.min:g}. On {part.texts:,} of them that no training saw:

| Pearson | Spearman | accuracy | kappa | F1 | kept by the teacher | kept |
|---|---|---|---|---|---|---|
| {shown(part.pearson)} | {shown(part.spearman)} | {part.accuracy:.3f} | {shown(part.kappa)} | {part.f1:.3f} | \
{part.kept_by_teacher:.1%} | {part.kept:.1%} |

"""


def shown(value: float | None) -> str:
    """A measure that there may not be."""
    return "none" if value is None else f"{value:.3f}"


def _correlation(left: Scores, right: Scores) -> float | None:
    if len(left) < 2 or not left.std() or not right.std():
        return None
    return float(np.corrcoef(left, right)[0, 1])
