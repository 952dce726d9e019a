"""Labels for texts by classifiers of one of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from classifiers.fasttext.card import Card, read_card
from classifiers.fasttext.model import load_model
from classifiers.fasttext.outcome import scores_of
from rephrase.settings.labels import TextLabel


@dataclass(frozen=True, slots=True)
class Labeller:
    """Several labels, each by its name and its model. Picklable: each process loads the models for itself.

    Raises `UserError` where a model's card is none.
    """

    settings: Mapping[str, TextLabel]
    _cards: Mapping[str, Card | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cards", {name: read_card(label.model) for name, label in self.settings.items()})

    def labels(self, texts: Sequence[str | None]) -> dict[str, list[str | None]]:
        """By name, the label of each text; None for texts without words, and where the likeliest is not probable enough."""
        return {name: self._of(name, texts) for name in self.settings}

    def describe(self) -> dict[str, dict[str, Any]]:
        """What the labels depend on, as JSON values."""
        return {
            name: {"model": label.model, "model_digest": card.digest if card else None, "min_probability": self._least(name)}
            for name, label in self.settings.items()
            for card in [self._cards[name]]
        }

    def _of(self, name: str, texts: Sequence[str | None]) -> list[str | None]:
        model, card, least = load_model(self.settings[name].model), self._cards[name], self._least(name)
        names, probabilities = model.labels(texts)
        if card and card.temperature and least:
            probabilities = scores_of(model, texts, None, card.temperature)  # of the same labels: a temperature keeps their order
        return [label if probability >= least else None for label, probability in zip(names, probabilities.tolist(), strict=True)]

    def _least(self, name: str) -> float:
        own, card = self.settings[name].min_probability, self._cards[name]
        if own is not None:
            return own
        return card.threshold if card and card.classes else 0.0
