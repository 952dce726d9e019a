"""Labels for texts by classifiers of one of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from classifiers.encoder.folder import encoder_digest
from classifiers.fasttext.card import Card, read_card
from classifiers.fasttext.model import FastTextModel
from classifiers.fasttext.outcome import scores_of
from classifiers.scorers import label_model
from rephrase.settings.encoders import SCHEDULING
from rephrase.settings.labels import TextLabel


@dataclass(frozen=True, slots=True)
class Labeller:
    """Several labels, each by its name and its model. Picklable: each process loads the models for itself.

    Raises `UserError` where a model's card is none.
    """

    settings: Mapping[str, TextLabel]
    _cards: Mapping[str, Card | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cards", {name: read_card(label.model) if label.model else None for name, label in self.settings.items()})

    def labels(self, texts: Sequence[str | None]) -> dict[str, list[str | None]]:
        """By name, the label of each text; None for texts without words, and where the likeliest is not probable enough."""
        return {name: self._of(name, texts) for name in self.settings}

    def describe(self) -> dict[str, dict[str, Any]]:
        """What the labels depend on, as JSON values."""
        return {name: self._described(name, label) for name, label in self.settings.items()}

    def _described(self, name: str, label: TextLabel) -> dict[str, Any]:
        card = self._cards[name]
        if label.encoder:
            described = label.model_dump(mode="json", exclude={"model", *SCHEDULING}) | {"model_digest": encoder_digest(label.encoder)}
        else:
            described = {"model": label.model, "model_digest": card.digest if card else None}
        return described | {"min_probability": self._least(name)}

    def _of(self, name: str, texts: Sequence[str | None]) -> list[str | None]:
        model, card, least = label_model(self.settings[name]), self._cards[name], self._least(name)
        names, probabilities = model.labels(texts)
        if isinstance(model, FastTextModel) and card and card.temperature and least:
            probabilities = scores_of(model, texts, None, card.temperature)  # of the same labels: a temperature keeps their order
        return [label if probability >= least else None for label, probability in zip(names, probabilities.tolist(), strict=True)]

    def _least(self, name: str) -> float:
        own, card = self.settings[name].min_probability, self._cards[name]
        if own is not None:
            return own
        return card.threshold if card and card.classes else 0.0
