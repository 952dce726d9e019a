"""A report on a model: how well it ranks, whether its scores are probabilities, and where it is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifiers.fasttext.card import read_card
from classifiers.fasttext.classes import ClassReport
from classifiers.fasttext.labels import read_labelled
from classifiers.fasttext.metrics import Line, ReliabilityBin, Scores, auc, best_line, calibration, line_at, threshold_by_keep_rate
from classifiers.fasttext.model import POSITIVE, load_model
from classifiers.fasttext.outcome import outcome_on
from classifiers.fasttext.settings import EvaluateSettings
from rephrase.errors import UserError
from rephrase.settings.section import Section

_SHARES = [n / 20 for n in range(1, 20)]  # keep-rates of the lines
_HISTOGRAM_BINS = 20
_EXAMPLES = 5
_CHARACTERS = 200


class Example(Section):
    """The beginning of a text that stands on the wrong side of the threshold."""

    score: float
    text: str


class Evaluation(Section):
    """What a model does on labelled texts that are distinct and not blank.

    Of a model of many labels, a text is good where the likeliest is right, and its score is the calibrated probability of that.
    """

    model: str
    good: int
    bad: int
    unscored: int
    """Texts left out because the model knows no word of them."""
    trained_on_these: bool
    """The texts are those of the training: the numbers flatter the model."""
    auc: float | None
    """None where all labels are right, or none."""
    threshold: float
    lines: tuple[Line, ...]
    """Thresholds that keep a twentieth to nineteen twentieths of the texts, and the one of the card."""
    best: Line
    """The threshold with the highest F1."""
    calibration_error: float
    """Expected calibration error, from 0 to 1."""
    reliability: tuple[ReliabilityBin, ...]
    histogram_good: tuple[int, ...]
    """Texts by score, in bins of equal width from 0 to 1."""
    histogram_bad: tuple[int, ...]
    bad_above: tuple[Example, ...]
    """The highest scores of bad texts that reach the threshold."""
    good_below: tuple[Example, ...]
    """The lowest scores of good texts that do not."""
    classes: ClassReport | None = None
    """Of a model of many labels, by its likeliest ones."""


def evaluate(model: str, labels: Sequence[str], settings: EvaluateSettings | None = None) -> Evaluation:
    """Score labelled JSONL files with the model at a path or `s3://` URL.

    Raises `UserError` for a model that does not load or lacks the label, and for faults of the data (with file and row).
    """
    settings = settings or EvaluateSettings()
    card = read_card(model)
    loaded = load_model(model)
    label = settings.label or (card.label if card else None) or POSITIVE
    of_many = settings.positive is None and settings.label is None and (bool(card and card.classes) or label not in loaded.label_names)
    data = read_labelled(labels, settings.text_field, settings.label_field, settings.positive, of_many)
    if of_many:
        outcome = outcome_on(loaded, data, range(len(data.texts)), (card.temperature if card else None) or 1.0, ", ".join(labels))
        scored, truth, scores = np.array(outcome.rows, np.int64), outcome.truth, outcome.scores
    else:
        every = loaded.scores(data.texts, label)
        scored = np.flatnonzero(~np.isnan(every))
        truth, scores, outcome = np.array(data.good)[scored], every[scored], None
    texts = [data.texts[i] for i in scored]
    one_class = truth.all() or not truth.any()
    if not len(scored) or (one_class and not of_many):
        raise UserError("the model scores texts of one class only", where=", ".join(labels), cure="give texts of its language")
    threshold = settings.threshold if settings.threshold is not None else card.threshold if card else 0.5
    thresholds = {threshold_by_keep_rate(scores, share) for share in _SHARES} | {threshold}
    error, reliability = calibration(truth, scores)
    wrong_bad, wrong_good = np.flatnonzero(~truth & (scores >= threshold)), np.flatnonzero(truth & (scores < threshold))

    def examples(rows: Sequence[int]) -> tuple[Example, ...]:
        return tuple(Example(score=float(scores[row]), text=texts[row][:_CHARACTERS]) for row in rows[:_EXAMPLES])

    return Evaluation(
        model=model,
        good=int(truth.sum()),
        bad=int((~truth).sum()),
        unscored=len(data.texts) - len(scored),
        trained_on_these=card is not None and card.data.digest == data.digest,
        auc=None if one_class else auc(truth, scores),
        threshold=threshold,
        lines=tuple(line_at(value, truth, scores) for value in sorted(thresholds)),
        best=best_line(truth, scores),
        calibration_error=error,
        reliability=reliability,
        histogram_good=_histogram(scores[truth]),
        histogram_bad=_histogram(scores[~truth]),
        bad_above=examples(list(wrong_bad[np.argsort(-scores[wrong_bad], kind="stable")])),
        good_below=examples(list(wrong_good[np.argsort(scores[wrong_good], kind="stable")])),
        classes=outcome.classes if outcome else None,
    )


def _histogram(scores: Scores) -> tuple[int, ...]:
    return tuple(int(count) for count in np.histogram(scores, _HISTOGRAM_BINS, (0, 1))[0])
