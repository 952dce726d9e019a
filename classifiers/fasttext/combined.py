"""Several classifiers as one score: Nemotron-CC's method (Su et al. 2024, arXiv 2412.02595) by default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from classifiers.batch import Scores
from classifiers.fasttext.card import Card, read_card
from classifiers.fasttext.model import POSITIVE, load_model
from rephrase.errors import UserError
from rephrase.settings.models import Models


@dataclass(frozen=True, slots=True)
class Combined:
    """Models whose scores become one. Picklable: each process loads them for itself.

    Raises `UserError` where buckets are asked for, and a model has no card or its card no cuts of them.
    """

    settings: Models
    _cards: tuple[Card | None, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cards = tuple(read_card(model) for model in self.settings.models)
        for model, card in zip(self.settings.models, cards, strict=True):
            if self.settings.of == "score":
                continue
            if card is None:
                raise UserError("the model has no card", where=model, cure="train it with `classifier train`")
            if not card.quantiles:
                cure = "run `classifier calibrate MODEL CORPUS --keep-rate R`, or set `of: score`"
                raise UserError("the card has no cuts of buckets", where=model, cure=cure)
        object.__setattr__(self, "_cards", cards)

    def scores(self, texts: Sequence[str | None]) -> Scores:
        """The score of each text, by the models that know it; NaN where none does."""
        columns = np.array([self._of(model, card, texts) for model, card in zip(self.settings.models, self._cards, strict=True)])
        scored = ~np.isnan(columns)
        if self.settings.combine == "max":
            combined = np.where(scored, columns, -np.inf).max(axis=0)
        else:
            combined = np.where(scored, columns, 0).sum(axis=0) / np.maximum(scored.sum(axis=0), 1)
        return np.where(scored.any(axis=0), combined, np.nan)

    def _of(self, model: str, card: Card | None, texts: Sequence[str | None]) -> Scores:
        scores = load_model(model).scores(texts, card.label or POSITIVE) if card else load_model(model).scores(texts)
        if self.settings.of == "score" or card is None:
            return scores
        buckets = np.searchsorted(np.array(card.quantiles), scores, side="right").astype(np.float64)
        return np.where(np.isnan(scores), np.nan, buckets)
