"""Draws the mixtures of a swarm: Dirichlet distributions around the present shares, as RegMix draws them.

RegMix (Liu et al. 2024, arXiv 2407.01492; mixture_config/synthesize_mixture.py of its repository) draws shares from Dirichlet(s p): p are
the present shares to the power 0.5, made to sum to 1 again, and s is one of 15 strengths between 0.1 and 5.0 that are evenly spaced on a
logarithmic scale, at random. Draws out of bounds are drawn again; shares below a minimum become 0. Olmix (Chen et al. 2026, arXiv
2602.12237) draws alike, with a minimum of 0.002 and without the power.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rephrase.errors import UserError
from rephrase.evidence.simplex import nearest_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRENGTHS = 15  # RegMix's
_TRIES = 100  # RegMix draws so many for each mixture that it wants
_LEAST = 1e-2  # of a parameter: with smaller ones, all of a draw may round to 0
_ALIKE = 1e-3  # two mixtures whose shares differ by less in all are one


@dataclass(frozen=True, slots=True)
class Dirichlet:
    """How shares are drawn. weakest and strongest: the range of s; small ones give mixtures of few components. temperature: the power."""

    weakest: float = 0.1
    strongest: float = 5.0
    temperature: float = 0.5
    minimum: float = 0.002


def draw_mixtures(
    present: NDArray[np.float64],
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    count: int,
    seed: int,
    how: Dirichlet,
) -> tuple[NDArray[np.float64], int]:
    """Different mixtures within bounds, shape (count, components), and how many of them had to be moved onto the bounds.

    The others fell within by themselves. The same seed gives the same mixtures, and a larger count the same first ones. Raises
    `UserError` where the bounds leave no room for so many.
    """
    dice = np.random.default_rng(seed)
    prior = present**how.temperature
    prior /= prior.sum()
    strengths = np.geomspace(how.weakest, how.strongest, _STRENGTHS)
    drawn: list[NDArray[np.float64]] = []
    moved = 0
    for _ in range(count * _TRIES):
        if len(drawn) == count:
            break
        shares, is_moved = _one(dice, prior, strengths, lowest, highest, how.minimum)
        if all(np.abs(shares - other).max() > _ALIKE for other in drawn):
            drawn.append(shares)
            moved += is_moved
    if len(drawn) < count:
        what = f"the bounds leave room for {len(drawn)} different mixtures, and {count} are asked for"
        raise UserError(what, where="rephrase swarm", cure="ask for fewer, widen the bounds, or give components more max_epochs")
    return np.stack(drawn), moved


def _one(
    dice: np.random.Generator,
    prior: NDArray[np.float64],
    strengths: NDArray[np.float64],
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    minimum: float,
) -> tuple[NDArray[np.float64], bool]:
    first = None
    for _ in range(_TRIES):
        draw = dice.dirichlet(np.maximum(prior * dice.choice(strengths), _LEAST))
        draw = np.where((draw < minimum) & (lowest == 0), 0.0, draw)
        draw /= draw.sum()
        if ((draw >= lowest) & (draw <= highest)).all():
            return draw, False
        first = draw if first is None else first
    assert first is not None
    return nearest_shares(first, lowest, highest), True
