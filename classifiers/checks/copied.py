"""How much of a text stands in its source passage word for word: the containment of its word n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.words import Hashes, Integers, Words, groups_of, mixed, ngrams_of
from rephrase.settings.section import Section


class CopiedSettings(Section):
    """Bounds of the share; null leaves a side open."""

    ngram: int = Field(default=8, ge=1)
    """Words of an n-gram."""
    max: float | None = Field(default=None, ge=0, le=1)
    """Above it the text is a copy."""
    min: float | None = Field(default=None, ge=0, le=1)
    """Below it the text has left its source; only useful with short n-grams."""


@checks.register("copied")
@dataclass(frozen=True, slots=True)
class Copied(Check):
    """Rejects copies. Score: `copied`, the share of the text's n-grams that occur in the source, from 0 to 1.

    NaN for texts with fewer words than an n-gram has.
    """

    name: str
    settings: CopiedSettings
    Settings = CopiedSettings
    needs = ("passage",)
    scored_by = ("ngram",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        sources, source_of = batch.source_words
        return {self.name: containment(batch.words, sources, source_of, self.settings.ngram)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)


def containment(texts: Words, sources: Words, source_of: Integers, size: int) -> Scores:
    """The share of each text's n-grams that stand in its source. `source_of[i]` is the index of text i's source."""
    grams, counts = ngrams_of(texts, size)
    source_grams, source_counts = ngrams_of(sources, size)
    shown = source_counts[source_of]
    begin_of_source = np.concatenate([[0], np.cumsum(source_counts)])[source_of]
    pick = np.repeat(begin_of_source - (np.cumsum(shown) - shown), shown) + np.arange(shown.sum())
    known, own = _of_row(source_grams[pick], shown), _of_row(grams, counts)
    groups = groups_of(np.concatenate([known, own]))
    in_source = groups[: len(known)].max(initial=-1) + 1  # groups that begin in the sources
    hits = np.concatenate([[0], np.cumsum(groups[len(known) :] < in_source)])
    last = np.cumsum(counts)
    copied = hits[last] - hits[last - counts]
    return np.where(counts > 0, copied / np.maximum(counts, 1), np.nan)


def _of_row(grams: Hashes, counts: Integers) -> Hashes:
    """The n-grams with their row's number in each hash, so that they meet those of their own source alone."""
    return mixed(grams + np.repeat(np.arange(len(counts), dtype=np.uint64), counts))
