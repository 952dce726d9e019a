"""What a fastText classifier says of a text: quality by default, or anything else that one was trained for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.fasttext.card import card_digest, read_card
from classifiers.fasttext.model import POSITIVE, load_model
from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.paths import FastTextModel
from rephrase.settings.section import Section


class QualitySettings(Section):
    """A model and the bounds of its score."""

    model: FastTextModel
    """Path or `s3://` URL of a supervised fastText model."""
    label: str = POSITIVE
    min: float | None = Field(default=None, ge=0, le=1)
    """Rows below are rejected. Where neither bound is given: the threshold on the model's card."""
    min_by_source: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """Rows of documents of these sources are rejected below a bound of their own. Comes from the card with `min`."""
    max: float | None = Field(default=None, ge=0, le=1)
    """Rows above are rejected: for classifiers of what is not wanted, such as toxicity."""


@checks.register("quality")
@dataclass(frozen=True, slots=True)
class Quality(Check):
    """Rejects rows by a classifier's score. Score: `quality`, P(label) from 0 to 1.

    `UserError` where neither a bound nor a card says which rows to keep.
    """

    name: str
    settings: QualitySettings
    Settings = QualitySettings
    scored_by = ("model", "label")

    def __post_init__(self) -> None:
        if self.settings.min is not None or self.settings.max is not None:
            return
        card = read_card(self.settings.model)
        if card is None:
            there = storage.exists(self.settings.model)
            lack = "the model has no card that gives a threshold" if there else "there is no such model, and no card that gives a threshold"
            cure = f"set `min` of the check `{self.name}` (0 keeps every row and only scores it)"
            raise UserError(lack, where=self.settings.model, cure=cure if there else f"check the path; or {cure}")
        bounds = {"min": card.threshold, "min_by_source": card.source_thresholds | self.settings.min_by_source}
        object.__setattr__(self, "settings", self.settings.model_copy(update=bounds))

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digest": card_digest(self.settings.model)}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        return {self.name: load_model(self.settings.model).scores(batch.texts, self.settings.label)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)

    @override
    def keep(self, scores: Mapping[str, Scores], origins: Sequence[str | None]) -> Flags:
        """A source may have a bound of its own."""
        rest = -np.inf if self.settings.min is None else self.settings.min
        low = np.array([self.settings.min_by_source.get(origin or "", rest) for origin in origins])
        keep: Flags = within(scores[self.name], None, self.settings.max) & ~(scores[self.name] < low)
        return keep
