"""Fits find the laws that figures were made by, say how wrong they are, and propose the best shares with their uncertainty."""

from __future__ import annotations

import numpy as np
import pytest

from rephrase.evidence.fits import Fit, fit, held_out_error
from rephrase.evidence.proposal import Limits, propose

MIXTURES = np.random.default_rng(5).dirichlet(np.ones(3), 30)
LAW = Fit("log-linear", 0.8, np.array([-0.4, 0.3, 0.9]))
LINE = Fit("linear", 0.0, np.array([1.1, 1.4, 1.9]))
LIMITS = Limits(np.array([0.4, 0.4, 0.2]), np.zeros(3), np.array([0.7, 1, 1]))


def values(law: Fit, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    return law.predict(MIXTURES) + noise * np.random.default_rng(seed).standard_normal(len(MIXTURES))


@pytest.mark.parametrize("law", [LAW, LINE], ids=lambda law: law.form)
def test_the_law_that_made_the_figures_is_found(law: Fit) -> None:
    found = fit(law.form, MIXTURES, values(law))
    assert np.allclose(found.slopes, law.slopes, atol=1e-3)
    assert abs(found.constant - law.constant) < 1e-3
    error = held_out_error(law.form, MIXTURES, values(law))
    assert error.error < 1e-4 < error.of_mean
    assert error.rank > 0.99


def test_the_error_on_mixtures_held_out_is_that_of_the_noise() -> None:
    for law in (LAW, LINE):
        error = held_out_error(law.form, MIXTURES, values(law, 0.02))
        assert 0.01 < error.error < 0.04
    pure = np.random.default_rng(1).standard_normal(len(MIXTURES)) * 0.02 + 2
    error = held_out_error("linear", MIXTURES, pure)
    assert error.error > 0.9 * error.of_mean  # where there is nothing to find, nothing is claimed


@pytest.mark.parametrize("law", [LAW, LINE], ids=lambda law: law.form)
def test_the_best_shares_are_proposed_within_bounds_and_told_from_noise(law: Fit) -> None:
    proposal = propose(law.form, MIXTURES, values(law, 0.01)[:, None], np.ones(1), LIMITS, 60, 1)
    assert np.allclose(proposal.shares, [0.7, 0.3, 0], atol=0.02)
    assert (proposal.low <= proposal.shares + 1e-6).all()
    assert (proposal.shares <= proposal.high + 1e-6).all()
    assert proposal.best == 0
    assert proposal.is_separated
    assert proposal.is_gain
    assert proposal.predicted == pytest.approx(float(law.predict(proposal.shares)), abs=0.02)
    assert proposal.of_present == pytest.approx(float(law.predict(LIMITS.present)), abs=0.02)


def test_noise_is_called_noise() -> None:
    figures = np.random.default_rng(2).standard_normal((12, 1)) * 0.01 + 2
    proposal = propose("linear", MIXTURES[:12], figures, np.ones(1), LIMITS, 100, 1)
    assert not proposal.is_separated
    assert not proposal.is_gain
    assert (proposal.high - proposal.low).max() > 0.3


def test_measures_are_weighed_and_leaving_the_present_mixture_costs() -> None:
    other = Fit("linear", 0.0, np.array([1.9, 1.4, 1.1]))
    both = np.column_stack([values(LINE), values(other)])
    free = Limits(LIMITS.present, np.zeros(3), np.ones(3))
    first = propose("linear", MIXTURES, both, np.array([0.9, 0.1]), free, 5, 1)
    last = propose("linear", MIXTURES, both, np.array([0.1, 0.9]), free, 5, 1)
    assert np.allclose(first.shares, [1, 0, 0], atol=1e-3)
    assert np.allclose(last.shares, [0, 0, 1], atol=1e-3)
    stay = Limits(LIMITS.present, np.zeros(3), np.ones(3), stay=0.3)
    near = propose("linear", MIXTURES, values(LINE)[:, None], np.ones(1), stay, 5, 1)
    expected = LIMITS.present * np.exp(-LINE.slopes / 0.3)  # where a line and the divergence balance
    assert np.allclose(near.shares, expected / expected.sum(), atol=2e-3)
