"""Several classifiers as one score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.card import Card, read_card
from classifiers.fasttext_model import load_model
from rephrase.errors import UserError
from rephrase.section import Section


class EnsembleSettings(Section):
    """The models, and how their scores become one."""

    models: list[str] = Field(min_length=2)
    """Paths or `s3://` URLs of fastText models with cards."""
    combine: Literal["max", "mean"] = "max"
    of: Literal["bucket", "score"] = "bucket"
    """`bucket`: the twentieth of a corpus that the text falls into, from 0 to 19, 19 the best. Models whose scores spread differently
    then weigh alike. The corpus is that of `classifier calibrate --keep-rate`. `score`: the probability, from 0 to 1."""
    min: float | None = Field(default=None, ge=0, le=19)
    """Rows below are rejected."""
    max: float | None = Field(default=None, ge=0, le=19)


@dataclass(frozen=True, slots=True)
class Ensemble(Check):
    """Rejects rows by the scores of several models: Nemotron-CC's method (Su et al. 2024, arXiv 2412.02595) by default.

    Score: `ensemble`; that of the models which know the text, where some do not. `UserError` for models without a card, and for cards
    without the cuts of buckets.
    """

    name: str
    settings: EnsembleSettings
    scored_by = ("models", "combine", "of")
    _cards: list[Card] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cards = []
        for model in self.settings.models:
            card = read_card(model)
            if card is None:
                raise UserError("the model has no card", where=model, cure="train it with `classifier train`")
            if self.settings.of == "bucket" and not card.quantiles:
                cure = "run `classifier calibrate MODEL CORPUS --keep-rate R`, or set `of: score`"
                raise UserError("the card has no cuts of buckets", where=model, cure=cure)
            cards.append(card)
        object.__setattr__(self, "_cards", cards)

    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        """See `Check.score`."""
        columns = np.array([self._of(model, card, batch) for model, card in zip(self.settings.models, self._cards, strict=True)])
        known = ~np.isnan(columns)
        if self.settings.combine == "max":
            combined = np.where(known, columns, -np.inf).max(axis=0)
        else:
            combined = np.where(known, columns, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return {self.name: np.where(known.any(axis=0), combined, np.nan)}

    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        """See `Check.decide`."""
        return within(scores[self.name], self.settings.min, self.settings.max)

    def _of(self, model: str, card: Card, batch: JudgeBatch) -> npt.NDArray[np.float64]:
        scores = load_model(model).scores(batch.texts, card.label)
        if self.settings.of == "score":
            return scores
        buckets = np.searchsorted(np.array(card.quantiles), scores, side="right").astype(np.float64)
        return np.where(np.isnan(scores), np.nan, buckets)
