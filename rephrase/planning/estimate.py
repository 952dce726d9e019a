"""Figures with their uncertainty: totals from a sample of documents, shares, and what one thing costs in another.

Samples are drawn in strata, of clusters whose rows belong together: the documents of a pilot, or the units of a run. Totals are ratio
estimates to a figure that is known for all (Cochran 1977, Sampling Techniques, sections 5.4, 6.2 and 6.10), with intervals by Student's t.
Shares have Wilson's interval (Wilson 1927) with the number of rows that the clusters are worth; costs a bootstrap over clusters (Efron
1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
_RESAMPLES = 1000
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and where it lies with a probability of 95%. Bounds are None where nothing tells, and equal where it is exact."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def exact(cls, value: float) -> Estimate:
        """A figure that was counted."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """Whether it was counted."""
        return self.low == self.value == self.high

    def __add__(self, other: Estimate) -> Estimate:
        """The sum. Bounds are added too: the same documents make all figures of a run too high, or too low."""
        return Estimate(self.value + other.value, _sum(self.low, other.low), _sum(self.high, other.high))

    def times(self, factor: float) -> Estimate:
        """The figure in another unit."""
        return Estimate(self.value * factor, *(None if bound is None else bound * factor for bound in (self.low, self.high)))

    def at_most(self, bound: float | None) -> Estimate:
        """The figure where something says that it is no more than a bound."""
        if bound is None or self.high is None:
            return self
        return Estimate(self.value, self.low, min(self.high, max(bound, self.value)))


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


@dataclass(frozen=True, slots=True)
class Stratum:
    """Clusters that were drawn from `size` alike: a figure of each that is known for all, and one that is not."""

    size: int
    known: Values
    sought: Values


def total(strata: Sequence[Stratum], known: float) -> Estimate:
    """The sum of the sought figure over all clusters, where the known one's is `known`. Without bounds for a sample of one cluster."""
    ratio, deviation, degrees = _ratio(strata)
    if math.isnan(ratio):
        return Estimate(0.0)
    if math.isnan(deviation):
        return Estimate(ratio * known)
    if not deviation:  # all clusters are in the sample, or all are alike
        return Estimate.exact(ratio * known)
    width = _student(degrees) * deviation * known
    return Estimate(ratio * known, max(0.0, ratio * known - width), ratio * known + width)


def share(strata: Sequence[Stratum]) -> Estimate | None:
    """Which share of the known figure, a number of rows, the sought one is; None without rows."""
    rows = sum(float(stratum.known.sum()) for stratum in strata)
    ratio, deviation, _ = _ratio(strata)
    if not rows or math.isnan(ratio):
        return None
    clusters = sum(int((stratum.known > 0).sum()) for stratum in strata)
    worth = ratio * (1 - ratio) / deviation**2 if deviation > 0 else float(clusters)
    worth = min(max(worth, 1.0), rows)
    middle = (ratio + _Z**2 / (2 * worth)) / (1 + _Z**2 / worth)
    width = _Z * math.sqrt(ratio * (1 - ratio) / worth + _Z**2 / (4 * worth**2)) / (1 + _Z**2 / worth)
    return Estimate(ratio, max(0.0, min(ratio, middle - width)), min(1.0, max(ratio, middle + width)))


def cost(strata: Sequence[Stratum]) -> Estimate | None:
    """How much of the known figure one of the sought takes; None where the sample has none of the sought.

    Without an upper bound where that may well be chance.
    """
    price = _price([(stratum, None) for stratum in strata])
    if math.isinf(price):
        return None
    random = np.random.default_rng(0)
    drawn = [
        _price([(stratum, random.integers(0, len(stratum.known), len(stratum.known))) for stratum in strata]) for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(np.array(drawn), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return Estimate(price, float(low), None if math.isinf(high) else float(high))


def _price(drawn: Sequence[tuple[Stratum, npt.NDArray[np.int64] | None]]) -> float:
    spent = got = 0.0
    for stratum, numbers in drawn:
        if len(stratum.known):
            weight = stratum.size / len(stratum.known)
            spent += weight * float((stratum.known if numbers is None else stratum.known[numbers]).sum())
            got += weight * float((stratum.sought if numbers is None else stratum.sought[numbers]).sum())
    return spent / got if got else math.inf


def _ratio(strata: Sequence[Stratum]) -> tuple[float, float, int]:
    """The sought figure for one of the known, its standard deviation and degrees of freedom; NaN where they cannot be told."""
    drawn = [stratum for stratum in strata if len(stratum.known)]
    known = sum(stratum.size * float(stratum.known.mean()) for stratum in drawn)
    sought = sum(stratum.size * float(stratum.sought.mean()) for stratum in drawn)
    clusters = sum(len(stratum.known) for stratum in drawn)
    if not known:
        return math.nan, math.nan, 0
    ratio = sought / known
    if clusters < 2:  # one value has no spread
        return ratio, 0.0 if all(stratum.size == len(stratum.known) for stratum in drawn) else math.nan, 0
    residuals = [stratum.sought - ratio * stratum.known for stratum in drawn]
    # A few answers that all end at the same bound have no spread, which says little of those that were not drawn.
    pooled = float(np.concatenate(residuals).var(ddof=1))
    parts = []
    for stratum, residual in zip(drawn, residuals, strict=True):
        spread = max(pooled, float(residual.var(ddof=1)) if len(residual) > 1 else 0.0)
        parts.append(stratum.size**2 * max(0.0, 1 - len(residual) / stratum.size) * spread / len(residual))
    variance = sum(parts)
    # Satterthwaite 1946: a few clusters that most of the variance comes from tell it with few degrees of freedom.
    doubt = sum(part**2 / max(1, len(residual) - 1) for part, residual in zip(parts, residuals, strict=True))
    degrees = max(1, int(variance**2 / doubt)) if doubt else 1
    return ratio, math.sqrt(variance) / known, degrees


def _student(degrees: int) -> float:
    """The quantile of Student's t (Abramowitz and Stegun 1964, 26.7.5; exact forms for one and two degrees)."""
    if degrees == 1:
        return math.tan(math.pi * CONFIDENCE / 2)
    if degrees == 2:  # the other exact form
        return CONFIDENCE * math.sqrt(2 / (1 - CONFIDENCE**2))
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / math.pow(degrees, power) for power, term in enumerate(terms, 1))
