"""What rewrites kept, lost and invented of their passages, by recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rephrase.records import KEEP
from rephrase.report.rows import Row


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """Means over the kept rows of a sample; None where no row tells."""

    rows: int
    kept_numbers: float | None
    """Share of a passage's numbers that its rewrite says. A passage may have several rewrites, each of a part of it."""
    kept_names: float | None
    invented: float | None
    """Share of the rewrites that say a number which their passage lacks."""
    new_numbers: float | None
    """A rewrite."""
    new_names: float | None
    """A rewrite."""
    overlap: float | None
    """Median over the rewrites of the share of their words that stand in the passage too, in runs of eight."""


def facts_by_recipe(rows: Sequence[Row]) -> dict[str, RecipeFacts]:
    """The facts of each recipe that has kept rows with a passage in the sample."""
    recipes: dict[str, list[Row]] = {}
    for row in rows:
        if row.verdict == KEEP and row.passage.strip():
            recipes.setdefault(row.recipe, []).append(row)
    return {name: _facts(own) for name, own in sorted(recipes.items())}


def _facts(rows: Sequence[Row]) -> RecipeFacts:
    def mean(
        of: Callable[[Row], float | None], over: Callable[[list[float]], float] = lambda values: float(np.mean(values))
    ) -> float | None:
        values = [value for row in rows if (value := of(row)) is not None]
        return over(values) if values else None

    return RecipeFacts(
        rows=len(rows),
        kept_numbers=mean(lambda row: row.differences.kept_numbers),
        kept_names=mean(lambda row: row.differences.kept_names),
        invented=mean(lambda row: float(row.differences.new_numbers > 0)),
        new_numbers=mean(lambda row: row.differences.new_numbers),
        new_names=mean(lambda row: row.differences.new_names),
        overlap=mean(lambda row: row.differences.overlap, lambda values: float(np.median(values))),
    )
