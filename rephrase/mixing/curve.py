"""Curves of quality: how often the texts of each step of a score are taken, so that all of them give the tokens that they shall.

The steps of a cell stand one after the other on [0, 1], each as wide as its part of the tokens. A curve says how often a text at a
place is taken; a step gets its mean over the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import yaml

_LAST_BIT = 2.0**-53
_HALVINGS = 60
_ROUNDING = 1e-9  # of the most epochs: what floating point may add


@cache
def shapes() -> dict[str, dict[str, Any]]:
    """The shapes by their names, from `curves.yaml`: bounds of powers and rates, and where they come from."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((resources.files("rephrase.mixing") / "curves.yaml").read_text())
    return loaded


@dataclass(frozen=True, slots=True)
class Solved:
    """C (x - a)^power e^(rate (x - a)) from a on, 0 below. epochs: by step, the lowest first; exact, so that they give the tokens."""

    power: float
    rate: float
    factor: float
    start: float  # a
    epochs: tuple[Fraction, ...]


def solve(tokens: Sequence[int], dropped: int, target: Fraction, max_epochs: Fraction, shape: str = "power-exponential") -> Solved | None:
    """The steepest curve of a shape with which the steps give `target` tokens and none is taken more than `max_epochs` times.

    tokens: of each step, the lowest first, none of them 0. dropped: steps, from the lowest, that are left out. None where even all others
    `max_epochs` times are too few.
    """
    kept = list(tokens[dropped:])
    if not kept or target > sum(kept) * max_epochs:
        return None
    ends = [sum(kept[:count]) / sum(tokens) for count in range(len(kept) + 1)]
    # Sums of fractions of 1 and the target would differ in the last bit; what the curve gives is brought to it at the end.
    mean = float(target / sum(tokens))
    power, rate = _steepest(ends, mean, float(max_epochs) * (1 - _ROUNDING), shapes()[shape])
    areas = [after - before for before, after in pairwise(_area(power, rate, end) for end in ends)]
    factor = mean / sum(areas)
    parts = [Fraction(count) for count in kept] if power == rate == 0 else [Fraction(area) for area in areas]
    whole = sum(parts)
    epochs = [target * part / whole / count for part, count in zip(parts, kept, strict=True)]
    return Solved(power, rate, factor, sum(tokens[:dropped]) / sum(tokens), (*[Fraction(0)] * dropped, *epochs))


def _area(power: float, rate: float, x: float) -> float:
    """The integral of t^power e^(rate t) from 0 to x, by the series of the exponential."""
    total, term, number = 0.0, 1.0, 0
    while term > total * _LAST_BIT:
        total += term / (power + number + 1)
        number += 1
        term *= rate * x / number
    return total * math.pow(x, power + 1)


def _steepest(ends: Sequence[float], mean: float, most: float, shape: dict[str, Any]) -> tuple[float, float]:
    """The largest power, and with it the largest rate, with which the highest step stays within `most` epochs; (0, 0) is flat."""

    def fits(power: float, rate: float) -> bool:
        before, whole = (_area(power, rate, end) for end in ends[-2:])
        return mean * (whole - before) <= most * (ends[-1] - ends[-2]) * whole

    lowest, highest, count = (shape["powers"][name] for name in ("lowest", "highest", "count"))
    power = max((float(power) for power in np.linspace(lowest, highest, count) if fits(power, 0)), default=None)
    if power is None:
        return _largest(0.0, lowest, lambda power: fits(power, 0)), 0.0
    return power, _largest(0.0, shape["rate"], lambda rate: fits(power, rate))


def _largest(low: float, high: float, fits: Callable[[float], bool]) -> float:
    """The largest number up to `high` that fits, where all up to some number do, `low` among them."""
    if fits(high):
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
