"""Where the threshold of a trained model goes."""

from __future__ import annotations

import numpy as np

from classifiers.fasttext.metrics import Scores, line_at, threshold_by_keep_rate, threshold_by_precision
from classifiers.fasttext.outcome import Outcome
from classifiers.fasttext.settings import TrainSettings
from rephrase.errors import UserError


def choose_threshold(outcome: Outcome, sample: Scores | None, settings: TrainSettings, paths: list[str]) -> tuple[float, str]:
    """The threshold that the settings ask for, and the rule that put it there. Keep-rates are measured on the sample if there is one.

    Raises `UserError` for a precision that no threshold reaches.
    """
    truth, scores = outcome.truth, outcome.scores
    if settings.keep_rate is not None:
        measured = scores if sample is None else sample[~np.isnan(sample)]
        place = "of the held-out rows" if sample is None else f"of {len(measured):,} texts of a corpus sample"
        return threshold_by_keep_rate(measured, settings.keep_rate), f"keeps {settings.keep_rate:g} {place}"
    if settings.precision is not None:
        threshold = threshold_by_precision(truth, scores, settings.precision)
        if threshold is None:
            best = max(line_at(float(value), truth, scores).precision for value in np.unique(scores))
            raise UserError(
                f"no threshold reaches a precision of {settings.precision:g}; the best is {best:.3f}",
                where=", ".join(paths),
                cure="ask for less, train more epochs, or give more labels",
            )
        return threshold, f"lowest with a precision of {settings.precision:g} on the held-out rows"
    return (0.0, "every text has its likeliest label") if outcome.classes else (0.5, "good is likelier than bad")
