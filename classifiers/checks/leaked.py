"""Whether a text repeats the words of its recipe's own prompt: what a model says that was talked into showing its instructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.words import ngrams_of, words_of
from rephrase.settings.section import Section


class LeakedSettings(Section):
    """How much of the prompt is a leak."""

    ngram: int = Field(default=10, ge=4)
    """Words in a row; shorter runs are phrases that anybody may write."""
    max: int | None = Field(default=0, ge=0)
    """The most n-grams of the prompt that a text may hold."""


@checks.register("leaked")
@dataclass(frozen=True, slots=True)
class Leaked(Check):
    """Rejects texts that repeat their recipe's prompt. Score: `leaked`, the n-grams of the prompt that the text holds.

    What stands in the source passage too is the document's own. NaN where nobody knows the recipe's prompts.
    """

    name: str
    settings: LeakedSettings
    Settings = LeakedSettings
    needs = ("passage",)
    scored_by = ("ngram",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores: Scores = np.full(len(batch), np.nan)
        grams, counts = ngrams_of(batch.words, self.settings.ngram)
        ends = np.cumsum(counts)
        for recipe in set(batch.recipes) & set(batch.prompts):
            prompt = np.unique(ngrams_of(words_of([batch.prompts[recipe]]), self.settings.ngram)[0])
            in_prompt = np.isin(grams, prompt)
            for row in range(len(batch)):
                if batch.recipes[row] == recipe and batch.has_text[row]:
                    own = slice(ends[row] - counts[row], ends[row])
                    leaks = np.unique(grams[own][in_prompt[own]])
                    if len(leaks):
                        leaks = np.setdiff1d(leaks, ngrams_of(words_of([batch.sources[row]]), self.settings.ngram)[0])
                    scores[row] = len(leaks)
        return {self.name: scores}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], None, self.settings.max)
