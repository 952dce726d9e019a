"""Numbers as people read them, with few digits and a mark between thousands."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOTHING = "–"
"""What stands for a number that is not there."""


def count(number: float | None) -> str:
    """A whole number."""
    return NOTHING if number is None else f"{number:,.0f}"


def listed(texts: Sequence[str]) -> str:
    """Things in a sentence."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def percent(share: float | None) -> str:
    """A share, with a digit after the point where it has fewer than two before it or is near the whole."""
    if share is None or math.isnan(share):
        return NOTHING
    value = 100 * share
    return f"{value:.1f}%" if 0 < value < 10 or 99 < value < 100 else f"{value:.0f}%"


def short_number(number: float | None) -> str:
    """A number with three digits that tell something."""
    if number is None or math.isnan(number):
        return NOTHING
    size = abs(number)
    if size >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if size >= 10 else f"{number:.2f}" if size >= 0.1 else f"{number:.2g}"


def large(number: float | None) -> str:
    """A number that is often large, in millions, billions (10⁹) or trillions where it is."""
    if number is None:
        return NOTHING
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(number) >= size:
            value = number / size
            return f"{value:#.3g}".rstrip(".") + f" {unit}" if value < 999.5 else f"{value:,.0f} {unit}"
    return f"{number:,.0f}"
