"""A model on texts whose classes are known, in the terms that thresholds, curves and tables of all kinds of models share.

Of two classes, what is told right from wrong is good and bad texts, by P(good). Where each label is a class, it is the labels that are
right and those that are not, by the probability of the likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifiers.fasttext.classes import ClassReport, Temperature, chosen, class_report, fit_temperature, tempered
from classifiers.fasttext.labels import LabelledTexts
from classifiers.fasttext.metrics import Scores, Truth, auc
from classifiers.fasttext.model import POSITIVE, FastTextModel
from rephrase.errors import UserError
from rephrase.settings.nearest import nearest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model says of texts. Arrays have the shape (texts,)."""

    truth: Truth
    scores: Scores
    rows: Sequence[int]
    """Of the data. Of many classes without texts of which the model knows no word."""
    temperature: Temperature | None = None
    """Fitted on these texts, of many classes."""
    classes: ClassReport | None = None
    """Of many classes."""

    @property
    def auc(self) -> float | None:
        """The chance that what is right scores above what is wrong; None where all is the same."""
        return auc(self.truth, self.scores) if self.truth.any() and not self.truth.all() else None


def outcome_on(
    model: FastTextModel, data: LabelledTexts, rows: Sequence[int], temperature: float | None = None, where: str = "labels"
) -> Outcome:
    """The model on these rows of the data, which are from `where`. temperature: of many classes; by default it is fitted on the rows.

    A label of theirs that the model does not have is a class that it never gives. Raises `UserError` where it has none of them, or knows no
    word of the texts.
    """
    texts = [data.texts[row] for row in rows]
    if not data.is_of_many:
        return Outcome(np.array([data.classes[row] == data.names[0] for row in rows]), model.scores(texts), rows)
    own = set(model.class_names)
    labels = {data.classes[row] for row in rows}
    if not own & labels:
        unknown = min(labels)
        raise UserError(
            f"the model has no label `{unknown}`, nor any other of these texts", where=where, cure=nearest(unknown, own, "it has")
        )
    names = sorted(own | labels)
    probabilities = np.zeros((len(texts), len(names)))
    probabilities[:, [names.index(name) for name in model.class_names]] = model.probabilities(texts)
    known = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    if not len(known):
        raise UserError("the model knows no word of the texts", where=where, cure="give texts of its language")
    probabilities, rows = probabilities[known], [rows[place] for place in known]
    truth = np.array([names.index(data.classes[row]) for row in rows], np.int64)
    fitted = fit_temperature(probabilities, truth) if temperature is None else None
    given, scores = chosen(tempered(probabilities, fitted.temperature if fitted else temperature or 1.0))
    return Outcome(given == truth, scores, rows, fitted, class_report(names, truth, given))


def scores_of(model: FastTextModel, texts: Sequence[str | None], label: str | None, temperature: float | None) -> Scores:
    """P(label) of each text, or with a temperature the probability of its likeliest label. NaN where the model knows no word."""
    if temperature is None:
        return model.scores(texts, label or POSITIVE)
    probabilities = model.probabilities(texts)
    known = ~np.isnan(probabilities).any(axis=1)
    scores = np.full(len(texts), np.nan)
    if known.any():
        scores[known] = chosen(tempered(probabilities[known], temperature))[1]
    return scores
