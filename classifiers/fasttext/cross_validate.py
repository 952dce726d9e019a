"""Cross-validation: how much the measures of a training depend on which rows are held out."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence

from classifiers.fasttext.fit import fit
from classifiers.fasttext.labels import LabelledTexts, read_labelled, read_texts
from classifiers.fasttext.metrics import line_at
from classifiers.fasttext.model import POSITIVE
from classifiers.fasttext.outcome import outcome_on, scores_of
from classifiers.fasttext.settings import TrainSettings
from classifiers.fasttext.threshold import choose_threshold
from classifiers.fasttext.train import order_to_train
from rephrase.errors import UserError
from rephrase.records import content_id
from rephrase.settings.section import Section


class Fold(Section):
    """A model trained on the other folds, measured on the rows of this one."""

    good: int
    """Of many labels: rows that are given the right one."""
    bad: int
    auc: float | None
    """None where all labels are right."""
    threshold: float
    f1: float
    """At the threshold that the settings ask for, put as in training. Of many labels: macro-F1 of the likeliest."""


class CrossValidation(Section):
    """The folds, and their means and sample standard deviations."""

    folds: tuple[Fold, ...]
    auc_mean: float | None
    """None where a fold has none, as its deviation."""
    auc_deviation: float | None
    f1_mean: float
    f1_deviation: float


def cross_validate(
    labels: Sequence[str], settings: TrainSettings | None = None, *, folds: int = 5, keep_rate_of: Sequence[str] = ()
) -> CrossValidation:
    """Train a model for each fold on the rows of the others. Folds have the same share of each class, and depend on texts and seed alone.

    Takes what `train` takes; `hold_out` is only for the search of autotune here, and nothing is stored. Raises `UserError` like it, and
    for a class with fewer distinct texts than folds.
    """
    settings = settings or TrainSettings()
    if folds < 2:
        raise UserError(f"{folds} folds", where="folds", cure="give at least 2")
    paths = list(labels)
    if keep_rate_of and settings.keep_rate is None:
        raise UserError("a corpus sample is of use only with a keep-rate", where=", ".join(keep_rate_of), cure="set `keep_rate`")
    data = read_labelled(paths, settings.text_field, settings.label_field, settings.positive)
    sample = read_texts(keep_rate_of, settings.text_field) if keep_rate_of else []
    parts = _parts(data, settings, folds, paths)
    measured = []
    for held_out in parts:
        others = [[row for part in parts if part is not held_out for row in part if data.classes[row] == name] for name in data.names]
        with tempfile.TemporaryDirectory() as folder:
            model, *_ = fit(data, order_to_train(data, others, settings), settings, folder)
        outcome = outcome_on(model, data, held_out)
        temperature = outcome.temperature.temperature if outcome.temperature else None
        of_sample = scores_of(model, sample, POSITIVE, temperature) if sample else None
        threshold, _ = choose_threshold(outcome, of_sample, settings, paths)
        good = int(outcome.truth.sum())
        f1 = outcome.classes.macro_f1 if outcome.classes else line_at(threshold, outcome.truth, outcome.scores).f1
        measured.append(Fold(good=good, bad=len(outcome.truth) - good, auc=outcome.auc, threshold=threshold, f1=f1))
    aucs, f1s = [fold.auc for fold in measured if fold.auc is not None], [fold.f1 for fold in measured]
    has_aucs = len(aucs) == len(measured)
    return CrossValidation(
        folds=tuple(measured),
        auc_mean=statistics.fmean(aucs) if has_aucs else None,
        auc_deviation=statistics.stdev(aucs) if has_aucs else None,
        f1_mean=statistics.fmean(f1s),
        f1_deviation=statistics.stdev(f1s),
    )


def _parts(data: LabelledTexts, settings: TrainSettings, folds: int, paths: list[str]) -> list[list[int]]:
    parts: list[list[int]] = [[] for _ in range(folds)]
    for name in data.names:
        rows = data.rows_of(name)
        if len(rows) < folds:
            raise UserError(f"only {len(rows)} distinct {name} texts for {folds} folds", where=", ".join(paths), cure="give fewer --folds")
        rows.sort(key=lambda i: content_id("fold", str(settings.seed), data.texts[i]))
        for place, row in enumerate(rows):
            parts[place % folds].append(row)
    return parts
