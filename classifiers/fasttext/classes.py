"""One label of many: probabilities that are what they say, and how well each label is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifiers.fasttext.metrics import Scores, calibration
from rephrase.settings.section import Section

Probabilities = npt.NDArray[np.float64]
"""Of each text by class: shape (texts, classes)."""
Classes = npt.NDArray[np.int64]
"""The number of each text's class: shape (texts,)."""

_FLOOR = 1e-5  # fastText gives no probability below it
_COLDEST, _HOTTEST = 0.05, 20.0  # temperatures that are looked at
_STEPS = 60  # of bisection, which end at the precision of floats


class ClassLine(Section):
    """How well one label is given."""

    label: str
    texts: int
    """That have it."""
    given: int
    """Texts that the model gives it to."""
    precision: float | None
    """Share of those given it that have it; None where none is given."""
    recall: float | None
    """Share of those that have it that are given it; None where none has it."""
    f1: float


class ClassReport(Section):
    """How well a model gives each text its label."""

    lines: tuple[ClassLine, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Texts by the label that they have (rows) and the one that they are given (columns), in the order of the lines."""
    accuracy: float
    """Share of the texts that are given the label that they have."""
    macro_f1: float
    """The mean of the F1 of all labels that any text has or is given."""


class Temperature(Section):
    """By how much logits are divided, so that a probability is the share of the texts of such that are labelled right."""

    temperature: float
    error_before: float
    """Expected calibration error of the likeliest labels' probabilities, from 0 to 1."""
    error_after: float
    """The same with temperatures that were fitted on the other half of the texts."""


def tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """The probabilities with their logits divided by a temperature: temperature scaling (Guo et al. 2017, arXiv 1706.04599).

    >>> tempered(np.array([[0.9, 0.1]]), 2).round(2).tolist()
    [[0.75, 0.25]]
    """
    logits = np.log(np.clip(probabilities, _FLOOR, 1)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Probabilities = raised / raised.sum(axis=1, keepdims=True)
    return shares


def fit_temperature(probabilities: Probabilities, truth: Classes) -> Temperature:
    """The temperature under which the labels of these texts are likeliest, and what it does for them.

    Their targets are smoothed as Platt's (1999) are, so that texts that are all right do not make a model certain.
    """
    half = np.arange(len(truth)) % 2
    parts = [half == 0, half == 1] if len(truth) > 1 else [half == 0]
    after = np.zeros(len(truth))
    for part in parts:
        others = ~part if len(parts) > 1 else part
        after[part] = tempered(probabilities[part], _likeliest(probabilities[others], truth[others])).max(axis=1)
    is_right = probabilities.argmax(axis=1) == truth
    return Temperature(
        temperature=_likeliest(probabilities, truth),
        error_before=calibration(is_right, probabilities.max(axis=1))[0],
        error_after=calibration(is_right, after)[0],
    )


def _likeliest(probabilities: Probabilities, truth: Classes) -> float:
    """The temperature of the least cross-entropy, whose derivative by 1 / temperature grows, and is 0 there."""
    rows, classes = probabilities.shape
    logits = np.log(np.clip(probabilities, _FLOOR, 1))
    wrong = 1 / (rows + 2)
    targets = np.full((rows, classes), wrong / max(classes - 1, 1))
    targets[np.arange(rows), truth] = 1 - wrong
    aimed = (targets * logits).sum()
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (tempered(probabilities, 1 / middle) * logits).sum() < aimed:
            low = middle
        else:
            high = middle
    return 1 / low


def chosen(probabilities: Probabilities) -> tuple[Classes, Scores]:
    """The likeliest class of each text, and its probability."""
    return probabilities.argmax(axis=1).astype(np.int64), probabilities.max(axis=1)


def class_report(names: Sequence[str], truth: Classes, given: Classes) -> ClassReport:
    """How well classes were given to texts of known classes."""
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, (truth, given), 1)
    texts, times, hits = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    lines = tuple(
        ClassLine(
            label=name,
            texts=int(texts[place]),
            given=int(times[place]),
            precision=float(hits[place] / times[place]) if times[place] else None,
            recall=float(hits[place] / texts[place]) if texts[place] else None,
            f1=float(2 * hits[place] / (texts[place] + times[place])) if hits[place] else 0.0,
        )
        for place, name in enumerate(names)
    )
    seen = [line.f1 for line in lines if line.texts or line.given]
    return ClassReport(
        lines=lines,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        accuracy=float(hits.sum() / max(len(truth), 1)),
        macro_f1=sum(seen) / max(len(seen), 1),
    )


def most_confused(report: ClassReport, most: int) -> list[tuple[str, str, int]]:
    """The label that texts have, the wrong one that they are given, and how many: the most first."""
    names = [line.label for line in report.lines]
    pairs = [
        (names[row], names[column], count)
        for row, counts in enumerate(report.confusion)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))[:most]
