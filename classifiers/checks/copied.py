"""How much of a text stands in its source passage word for word: the containment of its word n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.words import Hashes, Integers, Words, sliding_ngrams_of
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

    NaN for texts with fewer words than an n-gram has, and for those that shall be in another language than their document.
    """

    name: str
    settings: CopiedSettings
    Settings = CopiedSettings
    needs = ("passage",)
    scored_by = ("ngram",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        sources, source_of = batch.source_words
        return {self.name: np.where(batch.is_translated, np.nan, containment(batch.words, sources, source_of, self.settings.ngram))}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)


def containment(texts: Words, sources: Words, source_of: Integers, size: int) -> Scores:
    """The share of each text's n-grams that stand in its source. `source_of[i]` is the index of text i's source."""
    grams, counts = sliding_ngrams_of(texts, size)
    source_grams, source_counts = sliding_ngrams_of(sources, size)
    # One sort finds all matches: a key is the row (16 bits), the n-gram's hash (47 bits), and 1 for the text's own
    # n-grams. So each row's n-grams stand together, equal ones side by side, and those of the source come first.
    rows = len(counts)
    if rows >= 1 << 16:
        raise ValueError(f"at most {(1 << 16) - 1} rows in one batch, not {rows}")
    shown = source_counts[source_of]
    pieces = zip(np.concatenate([[0], np.cumsum(source_counts)])[source_of].tolist(), shown.tolist(), strict=True)
    picked = np.concatenate([source_grams[:0], *(source_grams[begin : begin + count] for begin, count in pieces)])
    keys = np.concatenate([_keys(grams, counts), _keys(picked, shown)])
    keys[: len(grams)] |= np.uint64(1)
    keys.sort()
    bodies = keys >> np.uint64(1)
    like_next, like_last = np.zeros((2, len(keys)), np.bool_)
    like_next[:-1] = like_last[1:] = bodies[1:] == bodies[:-1]
    several = like_next | like_last  # the others have no match, and are most
    keys = keys[several]
    groups = np.flatnonzero(~like_last[several])
    in_source = (keys[groups] & np.uint64(1)) == 0
    own = np.add.reduceat(keys & np.uint64(1), groups) if len(groups) else keys
    copied = np.bincount((keys[groups] >> np.uint64(48)).astype(np.int64)[in_source], own[in_source], rows)
    return np.where(counts > 0, copied / np.maximum(counts, 1), np.nan)


def _keys(grams: Hashes, counts: Integers) -> Hashes:
    keys = grams >> np.uint64(16)
    keys &= ~np.uint64(1)
    keys |= np.repeat(np.arange(len(counts), dtype=np.uint64) << np.uint64(48), counts)
    return keys
