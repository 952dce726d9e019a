"""How long a text is, in itself and against the passage it was made from."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from rephrase.settings.section import Section
from rephrase.settings.yaml_text import parse_yaml


class LengthSettings(Section):
    """Bounds; null leaves a side open."""

    min_ratio: float | None = Field(default=None, ge=0)
    """Characters of the text over characters of its source passage; where the language changes, each counted for what it holds."""
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
        rows = list(zip(batch.texts, batch.sources, batch.is_translated, strict=True))
        text = np.array([_length(text or "", across=across) for text, _, across in rows], np.float64)
        source = np.array([_length(source, across=across) or np.nan for _, source, across in rows], np.float64)
        tokens = np.array([np.nan if count is None else count for count in batch.completion_tokens], np.float64)
        words = batch.words.counts.astype(np.float64)
        lengths = {"ratio": text / source, "words": words, "tokens": tokens}
        return {f"{self.name}.{length}": np.where(batch.has_text, values, np.nan) for length, values in lengths.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep = within(scores[f"{self.name}.ratio"], self.settings.min_ratio, self.settings.max_ratio)
        keep &= within(scores[f"{self.name}.words"], self.settings.min_words, self.settings.max_words)
        return keep & within(scores[f"{self.name}.tokens"], self.settings.min_tokens, self.settings.max_tokens)


def _length(text: str, *, across: bool) -> float:
    """Characters of a text; across languages each counts for what it holds."""
    if not across or text.isascii():
        return len(text)
    return len(text) + sum((weight - 1) * sum(map(len, pattern.findall(text))) for pattern, weight in _weights())


@functools.cache
def _weights() -> tuple[tuple[re.Pattern[str], float], ...]:
    table = parse_yaml(resources.files(__package__).joinpath("length.yaml").read_text("utf-8"), "length.yaml")
    return tuple((re.compile(f"[{entry['characters']}]+"), entry["weight"]) for entry in table["weights"])
