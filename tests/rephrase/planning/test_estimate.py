"""Intervals hold what they promise: samples are drawn again and again, and the truth lies within as often as it should."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rephrase.planning.estimate import Estimate, Stratum, cost, share, total

_TIMES = 400


def population(seed: int, size: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of documents as on the web, skewed, and what was written for each."""
    random = np.random.default_rng(seed)
    known = np.exp(random.normal(5, 1, size)).round() + 1
    return known, (known * random.uniform(0.3, 1.1, size)).round()


def drawn(known: np.ndarray, sought: np.ndarray, random: np.random.Generator, each: int) -> list[Stratum]:
    """A sample of so many of the short, the middle and the long ones."""
    order = np.argsort(known, kind="stable")
    strata = []
    for part in np.array_split(order, 3):
        chosen = random.choice(part, each, replace=False)
        strata.append(Stratum(len(part), known[chosen], sought[chosen]))
    return strata


def test_the_total_lies_within_its_interval_as_often_as_promised():
    known, sought = population(1)
    random = np.random.default_rng(2)
    estimates = [total(drawn(known, sought, random, 8), float(known.sum())) for _ in range(_TIMES)]
    within = sum(one.low <= sought.sum() <= one.high for one in estimates) / _TIMES
    assert 0.90 <= within <= 0.99
    assert abs(np.mean([one.value for one in estimates]) / sought.sum() - 1) < 0.02


def test_a_share_lies_within_its_interval_though_rows_of_a_document_are_alike():
    random = np.random.default_rng(3)
    rows = random.integers(1, 6, 2000).astype(float)
    kept = rows * (random.random(2000) < 0.7)  # all of a document, or none
    truth = kept.sum() / rows.sum()
    within = 0
    for _ in range(_TIMES):
        chosen = random.choice(2000, 40, replace=False)
        estimate = share([Stratum(2000, rows[chosen], kept[chosen])])
        within += estimate.low <= truth <= estimate.high
    assert 0.91 <= within / _TIMES <= 0.99


def test_a_share_of_none_or_all_is_not_certain():
    nothing = share([Stratum(1000, np.ones(20), np.zeros(20))])
    assert nothing.value == nothing.low == 0
    assert 0.1 < nothing.high < 0.2  # Wilson's bound for 0 of 20
    assert share([Stratum(10, np.zeros(3), np.zeros(3))]) is None


def test_the_cost_of_what_is_kept_has_no_upper_bound_where_little_is_kept():
    random = np.random.default_rng(4)
    spent = random.integers(50, 150, 30).astype(float)
    often = cost([Stratum(300, spent, spent / 2)])
    assert often == Estimate(2.0, 2.0, 2.0)
    seldom = cost([Stratum(300, spent, np.where(np.arange(30) == 7, 10.0, 0.0))])
    assert seldom.high is None
    assert seldom.value == pytest.approx(spent.sum() / 10)
    assert cost([Stratum(300, spent, np.zeros(30))]) is None


def test_what_was_counted_in_full_is_exact_and_one_cluster_tells_no_interval():
    known, sought = population(5, 10)
    assert total([Stratum(10, known, sought)], float(known.sum())) == Estimate.exact(pytest.approx(sought.sum()))
    one = total([Stratum(10, known[:1], sought[:1])], float(known.sum()))
    assert (one.low, one.high) == (None, None)


def test_sums_keep_their_bounds_apart_and_unknown_ones_unknown():
    assert Estimate(1, 0, 3) + Estimate.exact(2) == Estimate(3, 2, 5)
    assert (Estimate(1, 0, 3) + Estimate(1)).high is None
    assert Estimate(2, 1, None).times(3) == Estimate(6, 3, None)


@pytest.mark.parametrize(("clusters", "quantile"), [(2, 12.706), (3, 4.303), (4, 3.182), (6, 2.571), (11, 2.228), (101, 1.984)])
def test_few_clusters_widen_the_interval_as_students_t_says(clusters: int, quantile: float):
    known, sought = np.ones(clusters), np.arange(clusters, dtype=float)
    estimate = total([Stratum(10**9, known, sought)], 1.0)
    deviation = sought.std(ddof=1) / math.sqrt(clusters)
    assert (estimate.high - estimate.value) / deviation == pytest.approx(quantile, rel=0.02)


def test_no_bound_is_above_what_can_be():
    assert Estimate(768, 568, 968).at_most(768) == Estimate(768, 568, 768)
    assert Estimate(768, 568, 968).at_most(700) == Estimate(768, 568, 768), "what was measured is believed first"
    assert Estimate(768, 568, None).at_most(800) == Estimate(768, 568, None)
