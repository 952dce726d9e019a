"""Texts that hold an item of a benchmark: training on them would make scores on it worthless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.benchmark_index import load_index
from classifiers.benchmarks import Benchmark
from classifiers.checks import checks
from rephrase.settings.section import Section


class ContaminationSettings(Section):
    """What must not stand in texts, and how much of it; see `classifiers.benchmarks.Benchmark`."""

    benchmarks: tuple[Benchmark, ...] = Field(min_length=1)
    sources: bool = True
    """Look at the passages too: a rewrite of a contaminated passage is out, even if no word of the item is left in it."""


@checks.register("contamination")
@dataclass(frozen=True, slots=True)
class Contamination(Check):
    """Rejects texts with an item of a benchmark, and texts made from a passage with one.

    Scores: `contamination`, 1 for texts with an item and 0 for others; `contamination.source`, the same of the passage; and of the
    nearest item that shares an n-gram with the text, 0 where there is none, `contamination.longest`, the words of the longest common
    run, and `contamination.ratio`, the share of the item that stands in the text, from 0 to 1. NaN for rows without a text.
    `contamination.NAME` is the item of the benchmark of this name, as the row of its files, from 1; NaN for texts without.
    """

    name: str
    settings: ContaminationSettings
    Settings = ContaminationSettings
    scored_by = ("benchmarks", "sources")

    def __post_init__(self) -> None:
        load_index(self.settings.benchmarks)  # faults of the files are told before any row is judged

    @override
    def identity(self) -> dict[str, Any]:
        """Of the benchmarks' settings and items."""
        return {"benchmarks_digest": load_index(self.settings.benchmarks).digest}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        index = load_index(self.settings.benchmarks)
        confirmed, longest, ratio = (np.where(batch.has_text, 0.0, np.nan) for _ in range(3))
        items = {benchmark.name: np.full(len(batch), np.nan) for benchmark in index.benchmarks}
        for row, hit in enumerate(index.nearest([text or "" for text in batch.texts], batch.words)):
            if hit:
                confirmed[row], longest[row], ratio[row] = hit.confirmed, hit.longest_match, hit.ratio
                items[hit.benchmark][row] = hit.item if hit.confirmed else np.nan
        scores = {self.name: confirmed, f"{self.name}.longest": longest, f"{self.name}.ratio": ratio}
        if self.settings.sources:
            scores[f"{self.name}.source"] = self._of_sources(batch)
        return scores | {f"{self.name}.{benchmark}": rows for benchmark, rows in items.items()}

    def _of_sources(self, batch: JudgeBatch) -> Scores:
        words, index = batch.source_words
        hits = load_index(self.settings.benchmarks).find(list(dict.fromkeys(batch.sources)), words)
        has_both = batch.has_text & np.array([bool(source) for source in batch.sources], np.bool_)
        return np.where(has_both, np.array([hit is not None for hit in hits], np.float64)[index], np.nan)

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep = within(scores[self.name], None, 0)
        return keep & within(scores[f"{self.name}.source"], None, 0) if self.settings.sources else keep
