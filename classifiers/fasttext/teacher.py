"""Whom a distilled classifier learnt from, and how far both agree on texts that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifiers.fasttext.classes import class_report
from classifiers.fasttext.metrics import Scores, line_at, mean_ranks
from rephrase.settings.section import Section


class Agreement(Section):
    """Two scores of the same texts, and the decisions by a bound of each. The first is taken for the truth where one must be."""

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
    f1: float


class LabelAgreement(Section):
    """Two labels of the same texts. The first is taken for the truth where one must be."""

    texts: int
    accuracy: float
    """Share of the texts that have the same label by both."""
    kappa: float | None
    """The same beyond chance."""
    macro_f1: float


class Teacher(Section):
    """The encoder that labelled the texts of a training."""

    encoder: str
    digest: str | None
    """Of its folder; None for a hub id."""
    label: str | None
    """The label whose probability it gave; None where it gives a number, or a label of many."""
    min: float | None
    """Its score from which texts count as good, or the least probability of its labels."""
    texts: int
    """That it labelled."""
    agreement: Agreement | LabelAgreement
    """On a tenth of them, which no training saw."""


def agreement_of_scores(teacher: Scores, bound: float, student: Scores, threshold: float) -> Agreement:
    """How far two scores of the same texts agree, and the decisions by a bound of each. No score may be NaN."""
    good, kept = teacher >= bound, student >= threshold
    return Agreement(
        texts=len(teacher),
        pearson=_correlation(teacher, student),
        spearman=_correlation(mean_ranks(teacher), mean_ranks(student)),
        kept_by_teacher=float(good.mean()),
        kept=float(kept.mean()),
        accuracy=float((good == kept).mean()),
        kappa=_kappa(list(good), list(kept)),
        f1=line_at(threshold, good, student).f1,
    )


def agreement_of_labels(teacher: Sequence[str], student: Sequence[str]) -> LabelAgreement:
    """How far two labels of the same texts agree."""
    names = sorted({*teacher, *student})
    numbers = (np.array([names.index(label) for label in labels], np.int64) for labels in (teacher, student))
    report = class_report(names, *numbers)
    return LabelAgreement(texts=len(teacher), accuracy=report.accuracy, kappa=_kappa(teacher, student), macro_f1=report.macro_f1)


def measures(part: Agreement | LabelAgreement) -> dict[str, str]:
    """How far both agree, for a table or a line."""
    kappa = _shown(part.kappa)
    if isinstance(part, LabelAgreement):
        return {"accuracy": f"{part.accuracy:.3f}", "kappa": kappa, "macro F1": f"{part.macro_f1:.3f}"}
    scores = {"Pearson": _shown(part.pearson), "Spearman": _shown(part.spearman)}
    decisions = {"accuracy": f"{part.accuracy:.3f}", "kappa": kappa, "F1": f"{part.f1:.3f}"}
    return scores | decisions | {"kept by the teacher": f"{part.kept_by_teacher:.1%}", "kept": f"{part.kept:.1%}"}


def describe_teacher(teacher: Teacher) -> str:
    """A section of a model card, as Markdown."""
    values = measures(teacher.agreement)
    digest = f" (digest `{teacher.digest}`)" if teacher.digest else ""
    return f"""## Teacher

Distilled from the encoder `{teacher.encoder}`{digest}, which labelled {teacher.texts:,} texts: {judged(teacher)}.
On {teacher.agreement.texts:,} of them that no training saw:

| {" | ".join(values)} |
|{"---|" * len(values)}
| {" | ".join(values.values())} |

"""


def judged(teacher: Teacher) -> str:
    """What it said of texts, in words."""
    if isinstance(teacher.agreement, LabelAgreement):
        return "each has the likeliest label" + (f", if its probability is at least {teacher.min:g}" if teacher.min else "")
    return f"good are those whose {f'P({teacher.label})' if teacher.label else 'score'} is at least {teacher.min:g}"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _kappa(left: Sequence[object], right: Sequence[object]) -> float | None:
    same = sum(a == b for a, b in zip(left, right, strict=True)) / len(left)
    chance = sum(left.count(value) * right.count(value) for value in set(left)) / len(left) ** 2
    return None if chance == 1 else (same - chance) / (1 - chance)


def _correlation(left: Scores, right: Scores) -> float | None:
    if len(left) < 2 or not left.std() or not right.std():
        return None
    return float(np.corrcoef(left, right)[0, 1])
