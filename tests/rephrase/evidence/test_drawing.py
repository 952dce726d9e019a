"""The mixtures of a swarm: within bounds, seeded, different, and drawn as RegMix draws them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rephrase.errors import UserError
from rephrase.evidence.drawing import Dirichlet, draw_mixtures
from rephrase.evidence.simplex import nearest_shares

PRESENT = np.array([0.6, 0.3, 0.1])
NONE, ALL = np.zeros(3), np.ones(3)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), low=st.floats(0, 0.3), high=st.floats(0.4, 1))
def test_mixtures_keep_to_their_bounds(seed: int, low: float, high: float) -> None:
    lowest, highest = np.array([low, 0, 0]), np.array([1, high, 0.3])
    drawn, _ = draw_mixtures(PRESENT, lowest, highest, 12, seed, Dirichlet())
    assert drawn.shape == (12, 3)
    assert np.allclose(drawn.sum(axis=1), 1)
    assert (drawn >= lowest - 1e-9).all()
    assert (drawn <= highest + 1e-9).all()
    assert len(np.unique(drawn.round(4), axis=0)) == 12


def test_the_seed_decides_and_more_mixtures_go_on() -> None:
    few, _ = draw_mixtures(PRESENT, NONE, ALL, 8, 1, Dirichlet())
    many, _ = draw_mixtures(PRESENT, NONE, ALL, 16, 1, Dirichlet())
    others, _ = draw_mixtures(PRESENT, NONE, ALL, 8, 2, Dirichlet())
    assert (many[:8] == few).all()
    assert (others != few).any()


def test_the_mean_is_the_prior_and_strength_gathers_mixtures_around_it() -> None:
    prior = PRESENT**0.5 / (PRESENT**0.5).sum()
    wide, moved = draw_mixtures(PRESENT, NONE, ALL, 400, 3, Dirichlet())
    close, _ = draw_mixtures(PRESENT, NONE, ALL, 400, 3, Dirichlet(weakest=200, strongest=400))
    assert moved == 0
    assert np.abs(wide.mean(axis=0) - prior).max() < 0.06
    assert np.abs(close.mean(axis=0) - prior).max() < 0.01
    assert close.std(axis=0).max() < 0.05 < wide.std(axis=0).min()
    assert (wide[wide > 0] >= 0.002).all()


def test_bounds_that_few_draws_meet_are_met_from_outside() -> None:
    lowest, highest = np.array([0.90, 0.01, 0.01]), np.array([0.95, 0.08, 0.08])
    drawn, moved = draw_mixtures(PRESENT, lowest, highest, 4, 1, Dirichlet(strongest=1))
    assert moved > 0
    assert (drawn >= lowest - 1e-9).all()
    assert (drawn <= highest + 1e-9).all()


def test_bounds_without_room_are_refused() -> None:
    with pytest.raises(UserError, match="leave room for 1 different"):
        draw_mixtures(PRESENT, PRESENT, PRESENT, 2, 1, Dirichlet())


@settings(max_examples=20)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_the_nearest_shares_are_nearest(point: list[float]) -> None:
    lowest, highest = np.array([0.1, 0, 0]), np.array([1, 0.5, 0.6])
    shares = nearest_shares(np.array(point), lowest, highest)
    assert abs(shares.sum() - 1) < 1e-9
    others = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    others = others[((others >= lowest) & (others <= highest)).all(axis=1)]
    assert (np.linalg.norm(others - point, axis=1) >= np.linalg.norm(shares - point) - 1e-9).all()
