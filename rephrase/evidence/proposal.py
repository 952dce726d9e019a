"""The mixture that a fit proposes, and how sure it is: by fits on mixtures drawn again with replacement (the bootstrap)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rephrase.evidence.fits import Fit, Form, fit, parameters_of
from rephrase.evidence.simplex import nearest_shares

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 400  # of the projected gradient
_TRIES = 20  # draws for a resample that has mixtures enough to fit
_LEAST = 1e-6  # shares below it are as good as none to a divergence
SURE = 0.95  # of resamples: what agrees in so many is called separated from noise


@dataclass(frozen=True, slots=True)
class Limits:
    """What a proposal must keep to. All arrays have the shape (components,). stay: what it costs to leave the present mixture.

    The cost is `stay` times the Kullback-Leibler divergence from the present shares, as Olmix's `kl_reg`.
    """

    present: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    stay: float = 0.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """Shares and what is known of them.

    low, high: of each share, which 90% of the resamples lie between. predicted, of_present: the weighted mean of all measures. gain: what
    the proposal is better than the present mixture by, and between which 90% of the resamples' gains lie. best: the component of which more
    helps most. agreeing: the share of resamples that say so too. resamples: how many there were. by_chance: the share of fits to the same
    figures, dealt out to the mixtures anew, that are as good as this one.
    """

    shares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    predicted: float
    of_present: float
    gain: tuple[float, float, float]
    best: int
    agreeing: float
    resamples: int
    by_chance: float

    @property
    def is_separated(self) -> bool:
        """Whether the best component is told from noise: a few mixtures drawn again agree too easily, chance alone does not."""
        return self.agreeing >= SURE and self.by_chance <= 1 - SURE

    @property
    def is_gain(self) -> bool:
        """Whether the proposal is better than the present mixture beyond noise."""
        return self.gain[1] > 0 and self.by_chance <= 1 - SURE


@dataclass(frozen=True, slots=True)
class _Fits:
    """Fits of all measures in several worlds.

    Shapes: constants (worlds, measures), slopes (worlds, measures, components), weights (measures,).
    """

    form: Form
    constants: NDArray[np.float64]
    slopes: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, fits: Sequence[Sequence[Fit]], weights: NDArray[np.float64]) -> _Fits:
        constants = np.array([[one.constant for one in world] for world in fits])
        return cls(fits[0][0].form, constants, np.array([[one.slopes for one in world] for world in fits]), weights)

    def value(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The weighted mean of a mixture in each world; shares: (worlds, components). Shape: (worlds,)."""
        inner = np.einsum("wmc,wc->wm", self.slopes, shares)
        values = inner if self.form == "linear" else self.constants + np.exp(np.minimum(inner, 700))
        result: NDArray[np.float64] = values @ self.weights
        return result

    def slope(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """How the value grows with each share. Shape: (worlds, components)."""
        factors = np.broadcast_to(self.weights, self.constants.shape)
        if self.form == "log-linear":
            factors = factors * np.exp(np.minimum(np.einsum("wmc,wc->wm", self.slopes, shares), 700))
        result: NDArray[np.float64] = np.einsum("wm,wmc->wc", factors, self.slopes)
        return result


def propose(
    form: Form,
    shares: NDArray[np.float64],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    limits: Limits,
    resamples: int,
    seed: int,
) -> Proposal:
    """The best mixture within limits. values: (mixtures, measures), lower is better; weights of the measures sum to 1.

    A proposal is no further from what was trained than its bounds allow: what lies far from all mixtures is a guess of the form.
    """
    whole = [fit(form, shares, column) for column in values.T]
    worlds = [whole]
    dice = np.random.default_rng(seed)
    for _ in range(resamples):
        rows = _resample(dice, shares, parameters_of(form, shares.shape[1]))
        if rows is not None:
            worlds.append([fit(form, shares[rows], column[rows], start) for column, start in zip(values.T, whole, strict=True)])
    fits = _Fits.of(worlds, weights)
    best = _minimum(fits, limits)
    present = np.broadcast_to(limits.present, best.shape)
    predicted, of_present = fits.value(best), fits.value(present)
    # Whether what is proposed is better, in each world: not what each world would propose for itself, which always is.
    gains = of_present - fits.value(np.broadcast_to(best[0], best.shape))
    slopes = fits.slope(present)
    helping = slopes.argmin(axis=1)
    others = slice(1, None) if len(worlds) > 1 else slice(None)
    low, high = np.quantile(best[others], [0.05, 0.95], axis=0)
    gain_low, gain_high = np.quantile(gains[others], [0.05, 0.95])
    return Proposal(
        shares=best[0],
        low=low,
        high=high,
        predicted=float(predicted[0]),
        of_present=float(of_present[0]),
        gain=(float(gains[0]), float(gain_low), float(gain_high)),
        best=int(helping[0]),
        agreeing=float(np.mean(helping[others] == helping[0])) if len(worlds) > 1 else 0.0,
        resamples=len(worlds) - 1,
        by_chance=_by_chance(form, shares, values @ weights, resamples, dice),
    )


def _by_chance(form: Form, shares: NDArray[np.float64], means: NDArray[np.float64], deals: int, dice: np.random.Generator) -> float:
    """How often a fit is as good where the figures are dealt out to the mixtures by chance (a permutation test)."""

    def rest(values: NDArray[np.float64]) -> float:
        return float(np.sum((fit(form, shares, values).predict(shares) - values) ** 2))

    real = rest(means)
    return (1 + sum(rest(dice.permutation(means)) <= real for _ in range(deals))) / (1 + deals)


def _resample(dice: np.random.Generator, shares: NDArray[np.float64], least: int) -> NDArray[np.int64] | None:
    """Numbers of mixtures drawn with replacement, at least so many different ones as a fit needs; None where luck does not give them."""
    for _ in range(_TRIES):
        rows = dice.integers(0, len(shares), len(shares))
        if len(np.unique(shares[rows], axis=0)) >= least:
            return rows
    return None


def _minimum(fits: _Fits, limits: Limits) -> NDArray[np.float64]:
    """The best shares of each world, shape (worlds, components): all forms are convex, so that going down ends at the lowest place."""

    def value(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return fits.value(point) + limits.stay * _divergence(point, limits.present)

    worlds = len(fits.constants)
    point = nearest_shares(np.tile(limits.present, (worlds, 1)), limits.lowest, limits.highest)
    now, size = value(point), np.ones((worlds, 1))
    for _ in range(_STEPS):
        slope = fits.slope(point) + limits.stay * (np.log(np.maximum(point, _LEAST) / np.maximum(limits.present, _LEAST)) + 1)
        slope /= np.maximum(np.abs(slope).max(axis=1, keepdims=True), 1e-12)
        other = nearest_shares(point - size * slope, limits.lowest, limits.highest)
        then = value(other)
        is_better = (then < now)[:, None]
        point, now = np.where(is_better, other, point), np.minimum(now, then)
        size = np.where(is_better, np.minimum(size * 1.5, 4.0), size / 2)
        if size.max() < 1e-7:
            break
    return point


def _divergence(point: NDArray[np.float64], present: NDArray[np.float64]) -> NDArray[np.float64]:
    floor = np.maximum(point, _LEAST)
    result: NDArray[np.float64] = (floor * np.log(floor / np.maximum(present, _LEAST))).sum(axis=1)
    return result
