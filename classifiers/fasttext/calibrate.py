"""A new threshold for a trained model, without training: the corpus or the wishes have changed, the model has not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifiers.fasttext.card import Card, card_path, encode_card, read_card
from classifiers.fasttext.card_page import describe_card
from classifiers.fasttext.labels import GOOD, read_sourced
from classifiers.fasttext.metrics import Scores, Truth, line_at, threshold_by_keep_rate, threshold_by_precision
from classifiers.fasttext.model import load_model
from classifiers.fasttext.outcome import scores_of
from classifiers.fasttext.settings import CalibrateSettings
from rephrase import storage
from rephrase.errors import UserError

TWENTIETHS = [n / 20 for n in range(1, 20)]  # cuts of the 20 buckets of Nemotron-CC (Su et al. 2024, arXiv 2412.02595)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `calibrate` did."""

    card: Card
    """As it is stored now."""
    before: float
    """The threshold that stood there."""
    texts: dict[str, int]
    """Texts of each source; empty where all had one threshold."""


def calibrate(model: str, texts: Sequence[str], settings: CalibrateSettings) -> Calibration:
    """Measure a threshold on JSONL files and put it into the card of the model, as JSON and Markdown.

    With `settings.precision` the rows must have labels. Thresholds of sources that the card had are replaced; a model of many labels has
    none. Raises `UserError` for a
    model without a card, for faults of the data (with file and row), and for a precision that no threshold of all texts, or of one
    source, reaches; the card then stays as it was.
    """
    card = read_card(model)
    if card is None:
        raise UserError("the model has no card to put a threshold into", where=card_path(model), cure="train it with `classifier train`")
    if card.classes and settings.per_source:
        raise UserError("a model of many labels has one threshold", where=model, cure="take --per-source out")
    labels = (settings.label_field, settings.positive) if settings.precision is not None else None
    data = read_sourced(
        texts, settings.text_field, settings.source_field if settings.per_source else None, labels, of_many=card.classes is not None
    )
    loaded = load_model(model)
    scores = scores_of(loaded, data.texts, card.label, card.temperature)
    scored = ~np.isnan(scores)
    if not scored.any():
        raise UserError("the model knows no word of the texts", where=", ".join(texts), cure="give texts of its language")
    truth = None
    if data.classes:
        right = loaded.labels(data.texts)[0] if card.classes else [GOOD] * len(data.texts)
        truth = np.array([own == named for own, named in zip(data.classes, right, strict=True)], np.bool_)
    threshold, rule = _threshold(scores[scored], truth[scored] if truth is not None else None, settings, ", ".join(texts))
    counts, thresholds = {}, {}
    if settings.per_source:
        sources = np.array(data.sources)
        for source in sorted(set(data.sources)):
            own = scored & (sources == source)
            counts[source] = int(own.sum())
            if counts[source] >= settings.min_texts:
                own_truth = truth[own] if truth is not None else None
                thresholds[source], _ = _threshold(scores[own], own_truth, settings, f"source `{source}`")
    changed = card.model_copy(
        update={
            "threshold": threshold,
            "threshold_rule": rule,
            "threshold_line": None,
            "quantiles": card.quantiles if truth is not None else tuple(map(float, np.quantile(scores[scored], TWENTIETHS))),
            "source_field": settings.source_field if settings.per_source else None,
            "source_thresholds": thresholds,
        }
    )
    base = os.path.splitext(model)[0]
    storage.put(f"{base}.md", describe_card(changed, storage.name_of(base)).encode())
    storage.put(card_path(model), encode_card(changed))
    return Calibration(changed, card.threshold, counts)


def _threshold(scores: Scores, truth: Truth | None, settings: CalibrateSettings, where: str) -> tuple[float, str]:
    if settings.keep_rate is not None:
        return threshold_by_keep_rate(scores, settings.keep_rate), f"calibrated: keeps {settings.keep_rate:g} of {len(scores):,} texts"
    assert truth is not None, "a precision is measured on labelled texts"
    assert settings.precision is not None, "one of the two rules is set"
    threshold = threshold_by_precision(truth, scores, settings.precision)
    if threshold is None:
        best = max(line_at(float(value), truth, scores).precision for value in np.unique(scores))
        cure = "ask for less, or leave these rows out"
        raise UserError(f"no threshold reaches a precision of {settings.precision:g}; the best is {best:.3f}", where=where, cure=cure)
    line = line_at(threshold, truth, scores)
    return threshold, f"calibrated: precision {line.precision:.3f} and recall {line.recall:.3f} on {len(scores):,} labelled texts"
