"""Several classifiers as one check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, model_validator
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.fasttext.card import read_card
from classifiers.fasttext.combined import Combined
from rephrase.settings.faults import fault
from rephrase.settings.models import Models


class EnsembleSettings(Models):
    """The models, how their scores become one, and its bounds."""

    min: float | None = Field(default=None, ge=0, le=19)
    """Rows below are rejected."""
    max: float | None = Field(default=None, ge=0, le=19)

    @model_validator(mode="after")
    def _on_the_scale(self) -> EnsembleSettings:
        if self.of == "score" and self.min is not None and self.min > 1:
            what = f"`min` is {self.min:g}, and with `of: score` nothing is above 1"
            raise fault(what, "give a probability, or take `of` out for buckets from 0 to 19", ("min",))
        return self


@checks.register("ensemble")
@dataclass(frozen=True, slots=True)
class Ensemble(Check):
    """Rejects rows by the scores of several models. Score: `ensemble`. Raises `UserError` like `Combined`."""

    name: str
    settings: EnsembleSettings
    Settings = EnsembleSettings
    scored_by = ("models", "combine", "of")
    _combined: Combined = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_combined", Combined(self.settings))

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digests": [(card.digest, card.quantiles) if card else None for card in map(read_card, self.settings.models)]}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        return {self.name: self._combined.scores(batch.texts)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)
