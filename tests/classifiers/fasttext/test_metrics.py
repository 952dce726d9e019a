from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.fasttext.metrics import auc, line_at, threshold_by_keep_rate, threshold_by_precision

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=2, max_size=40).filter(
    lambda rows: len({good for good, _ in rows}) == 2
)


def arrays(rows: list[tuple[bool, int]]):
    return np.array([good for good, _ in rows]), np.array([score / 10 for _, score in rows])


@given(ROWS)
def test_auc_is_the_share_of_pairs_in_order(rows):
    truth, scores = arrays(rows)
    pairs = [(a > b) + (a == b) / 2 for a in scores[truth] for b in scores[~truth]]
    assert auc(truth, scores) == pytest.approx(sum(pairs) / len(pairs))


@given(ROWS, st.floats(0.05, 1))
def test_threshold_by_precision_is_the_lowest_that_reaches_it(rows, precision):
    truth, scores = arrays(rows)
    good = [value for value in np.unique(scores) if line_at(value, truth, scores).precision >= precision]
    assert threshold_by_precision(truth, scores, precision) == (min(good) if good else None)


@given(ROWS, st.floats(0.01, 1))
def test_threshold_by_keep_rate_keeps_the_share(rows, rate):
    _, scores = arrays(rows)
    threshold = threshold_by_keep_rate(scores, rate)
    wanted = max(round(rate * len(scores)), 1)
    assert (scores > threshold).sum() < wanted <= (scores >= threshold).sum()


def test_line():
    line = line_at(0.5, np.array([True, True, False, False]), np.array([0.9, 0.4, 0.5, 0.1]))
    assert line.model_dump() == {"threshold": 0.5, "kept": 0.5, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert line_at(2, np.array([True]), np.array([0.5])).f1 == 0


def test_auc_needs_both_classes():
    with pytest.raises(ValueError, match="both classes"):
        auc(np.array([True]), np.array([0.5]))
