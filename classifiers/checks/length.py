"""How long a text is, in itself and against the passage it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from rephrase.settings.section import Section


class LengthSettings(Section):
    """Bounds; null leaves a side open."""

    min_ratio: float | None = Field(default=None, ge=0)
    """Characters of the text over characters of its source passage."""
    max_ratio: float | None = Field(default=None, gt=0)
    min_words: int | None = Field(default=None, ge=0)
    """Words of the text; in scripts without spaces, characters."""
    max_words: int | None = Field(default=None, ge=1)
    min_tokens: int | None = Field(default=None, ge=0)
    """Tokens of the whole completion, as the engine counted them."""
    max_tokens: int | None = Field(default=None, ge=1)


@checks.register("length")
@dataclass(frozen=True, slots=True)
class Length(Check):
    """Rejects texts out of bounds. Scores: `length.ratio` (NaN for an empty source), `length.words`, `length.tokens`."""

    name: str
    settings: LengthSettings
    Settings = LengthSettings

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        text = np.array([len(text) if text else 0 for text in batch.texts], np.float64)
        source = np.array([len(source) or np.nan for source in batch.sources], np.float64)
        tokens = np.array([np.nan if count is None else count for count in batch.completion_tokens], np.float64)
        words = batch.words.counts.astype(np.float64)
        lengths = {"ratio": text / source, "words": words, "tokens": tokens}
        return {f"{self.name}.{length}": np.where(batch.has_text, values, np.nan) for length, values in lengths.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep = within(scores[f"{self.name}.ratio"], self.settings.min_ratio, self.settings.max_ratio)
        keep &= within(scores[f"{self.name}.words"], self.settings.min_words, self.settings.max_words)
        return keep & within(scores[f"{self.name}.tokens"], self.settings.min_tokens, self.settings.max_tokens)
