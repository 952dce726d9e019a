"""Texts that hold an item of a benchmark: training on them would make scores on it worthless."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from classifiers.batch import CheckResult, JudgeBatch
from classifiers.benchmarks import Benchmark
from classifiers.contamination import load_index
from rephrase.config import Section


class ContaminationSettings(Section):
    """What must not stand in texts, and how much of it; see `classifiers.benchmarks.Benchmark`."""

    benchmarks: tuple[Benchmark, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Contamination:
    """Rejects texts with an item of a benchmark.

    Scores, of the nearest item that shares an n-gram with the text, 0 where there is none: `contamination.longest`, the words of the
    longest common run, and `contamination.ratio`, the share of the item that stands in the text, from 0 to 1. NaN for rows without a text.
    """

    name: str
    settings: ContaminationSettings

    def __post_init__(self) -> None:
        load_index(self.settings.benchmarks)  # faults of the files are told before any row is judged

    @property
    def digest(self) -> str:
        """Of the benchmarks' settings and items."""
        return load_index(self.settings.benchmarks).digest

    def __call__(self, batch: JudgeBatch) -> CheckResult:
        """Score the batch."""
        longest, ratio = np.where(batch.has_text, 0.0, np.nan), np.where(batch.has_text, 0.0, np.nan)
        keep = np.ones(len(batch), np.bool_)
        hits = load_index(self.settings.benchmarks).nearest([text or "" for text in batch.texts], batch.words)
        for row, hit in enumerate(hits):
            if hit:
                longest[row], ratio[row], keep[row] = hit.longest_match, hit.ratio, not hit.confirmed
        return CheckResult({f"{self.name}.longest": longest, f"{self.name}.ratio": ratio}, keep)
