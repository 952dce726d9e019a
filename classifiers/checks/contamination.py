"""Texts that hold an item of a benchmark: training on them would make scores on it worthless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.benchmarks import Benchmark
from classifiers.contamination import load_index
from rephrase.config import Section


class ContaminationSettings(Section):
    """What must not stand in texts, and how much of it; see `classifiers.benchmarks.Benchmark`."""

    benchmarks: tuple[Benchmark, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Contamination(Check):
    """Rejects texts with an item of a benchmark.

    Scores: `contamination`, 1 for texts with an item and 0 for others; and of the nearest item that shares an n-gram with the text, 0
    where there is none, `contamination.longest`, the words of the longest common run, and `contamination.ratio`, the share of the item
    that stands in the text, from 0 to 1. NaN for rows without a text.
    """

    name: str
    settings: ContaminationSettings
    scored_by = ("benchmarks", "benchmarks_digest")

    def __post_init__(self) -> None:
        load_index(self.settings.benchmarks)  # faults of the files are told before any row is judged

    @property
    def digest(self) -> str:
        """Of the benchmarks' settings and items."""
        return load_index(self.settings.benchmarks).digest

    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        """See `Check.score`."""
        found, longest, ratio = (np.where(batch.has_text, 0.0, np.nan) for _ in range(3))
        hits = load_index(self.settings.benchmarks).nearest([text or "" for text in batch.texts], batch.words)
        for row, hit in enumerate(hits):
            if hit:
                found[row], longest[row], ratio[row] = hit.confirmed, hit.longest_match, hit.ratio
        return {self.name: found, f"{self.name}.longest": longest, f"{self.name}.ratio": ratio}

    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        """See `Check.decide`."""
        return within(scores[self.name], None, 0)
