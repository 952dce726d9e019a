"""How well scores tell two classes apart, and where to put a threshold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rephrase.settings.section import Section

Truth = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]

_CALIBRATION_BINS = 10


class Line(Section):
    """What a threshold does: texts that score at least so much are kept."""

    threshold: float
    kept: float
    """Share of all texts."""
    precision: float
    """Share of the kept texts that are good; 1 where none are kept."""
    recall: float
    """Share of the good texts that are kept."""
    f1: float


class ReliabilityBin(Section):
    """Texts whose scores are in [low, high); the last bin takes 1 too."""

    low: float
    high: float
    texts: int
    mean_score: float | None
    """None in empty bins, like the share."""
    share_good: float | None


def line_at(threshold: float, truth: Truth, scores: Scores) -> Line:
    """What this threshold does on these texts."""
    keep = scores >= threshold
    hits = int((keep & truth).sum())
    precision = hits / int(keep.sum()) if keep.any() else 1.0
    recall = hits / max(int(truth.sum()), 1)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return Line(threshold=threshold, kept=float(keep.mean()), precision=precision, recall=recall, f1=f1)


def best_line(truth: Truth, scores: Scores) -> Line:
    """The threshold with the highest F1 among the scores; of several the highest."""
    ranked = np.sort(scores)[::-1]
    order = np.argsort(-scores, kind="stable")
    hits, counts = np.cumsum(truth[order]), np.arange(1, len(scores) + 1)
    f1 = 2 * hits / (counts + truth.sum())  # of 2PR / (P + R), with P = hits / counts and R = hits / good
    f1[:-1][ranked[1:] == ranked[:-1]] = -1  # a threshold keeps all texts of a score, or none
    return line_at(float(ranked[int(np.argmax(f1))]), truth, scores)


def auc(truth: Truth, scores: Scores) -> float:
    """The chance that a good text scores above a bad one, ties counting half (the area under the ROC curve)."""
    ranks = mean_ranks(scores)
    good, bad = int(truth.sum()), int((~truth).sum())
    if not good or not bad:
        raise ValueError("both classes are needed")
    return float((ranks[truth].sum() - good * (good + 1) / 2) / (good * bad))


def mean_ranks(scores: Scores) -> Scores:
    """The rank of each score, from 1; equal ones share their mean rank."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: Scores = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def threshold_by_keep_rate(scores: Scores, rate: float) -> float:
    """The threshold that keeps this share of the texts: more only where scores are equal."""
    ranked = np.sort(scores)[::-1]
    return float(ranked[max(round(rate * len(ranked)), 1) - 1])


def threshold_by_precision(truth: Truth, scores: Scores, precision: float) -> float | None:
    """The lowest threshold at which at least this share of the kept texts is good; None if there is none."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    shares = np.cumsum(truth[order]) / np.arange(1, len(ranked) + 1)
    last_of_equals = np.append(ranked[1:] != ranked[:-1], True)
    reached = np.flatnonzero((shares >= precision) & last_of_equals)
    return float(ranked[reached[-1]]) if len(reached) else None


def calibration(truth: Truth, scores: Scores) -> tuple[float, tuple[ReliabilityBin, ...]]:
    """The expected calibration error and the reliability table, with ten bins of equal width over the score.

    The error is the mean over all texts of the gap, in their bin, between the mean score and the share of good texts (Naeini et al. 2015,
    "Obtaining well calibrated probabilities using Bayesian binning").
    """
    place = np.minimum((scores * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    error, bins = 0.0, []
    for number in range(_CALIBRATION_BINS):
        inside = place == number
        texts = int(inside.sum())
        mean, share = (float(scores[inside].mean()), float(truth[inside].mean())) if texts else (None, None)
        if mean is not None and share is not None:
            error += abs(mean - share) * texts / len(scores)
        low, high = number / _CALIBRATION_BINS, (number + 1) / _CALIBRATION_BINS
        bins.append(ReliabilityBin(low=low, high=high, texts=texts, mean_score=mean, share_good=share))
    return error, tuple(bins)
