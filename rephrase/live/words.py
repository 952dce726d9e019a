"""Figures of a moment in words: for a line of a log, a terminal and `rephrase status`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephrase.live.figures import Totals


def counted(number: int, name: str) -> str:
    """A count of things, whose name takes an s."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def amount(number: float) -> str:
    """An amount of hours or money, or a count: two digits after the point, or the first two that are not 0. Never an exponent."""
    if number == round(number):
        return f"{number:,.0f}"
    return f"{number:,.{max(2, 1 - math.floor(math.log10(abs(number))))}f}"


def there_already(units: int) -> str:
    """What a stage says that has nothing left to do."""
    return f"{'its one unit is' if units == 1 else f'all {units:,} units are'} there already, nothing to do"


def span(seconds: float) -> str:
    """Seconds in the largest unit of which there are two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def left_in_words(left: tuple[float, float | None] | None) -> str:
    """How long something may still take; empty where nothing is known."""
    if left is None:
        return ""
    least = span(left[0])
    if left[1] is None:
        return f"at least {least} left"
    most = span(left[1])
    if least == most:
        return f"about {most} left"
    number, _, unit = least.partition(" ")
    return f"{number if most.endswith(f' {unit}') else least} to {most} left"


def totals_in_words(totals: Totals) -> list[str]:
    """What engines are at, as parts of a line. Empty before one has been asked."""
    parts = [totals.stall] if totals.stall else []
    if totals.starting:
        others = f" ({totals.starting - 1:,} more engine{' starts' if totals.starting == 2 else 's start'})" if totals.starting > 1 else ""
        parts.append(f"{totals.start}{others}")
    if totals.answers > totals.failed:
        parts.append(counted(totals.answers - totals.failed, "answer"))
    if totals.failed:
        parts.append(f"{totals.failed:,} failed")
    if totals.running or totals.waiting:
        parts.append(f"{totals.running:,} running" + ("" if totals.waiting is None else f" and {totals.waiting:,} waiting"))
    if totals.tokens_per_second is not None:
        mean = "" if totals.mean_tokens_per_second is None else f", {_rate(totals.mean_tokens_per_second)} since the first token"
        parts.append(f"{_rate(totals.tokens_per_second)} tokens/s now{mean}")
    if totals.cached is not None:
        parts.append(f"{totals.cached:.0%} of prompts cached")
    if totals.errors:
        parts.append(f"{totals.errors / max(totals.answers, 1):.1%} errors, most often {totals.most_frequent_error}")
    if totals.gpu_busy is not None:
        parts.append(f"GPUs {totals.gpu_busy:.0%} busy")
    if totals.silent:
        parts.append(f"{totals.silent:,} of {totals.executors:,} executors not heard of late")
    return [" ".join(part.split()) for part in parts]  # a server's words may have several lines


def _rate(tokens: float) -> str:
    return f"{tokens:,.0f}" if tokens >= 10 else f"{tokens:.1f}"
