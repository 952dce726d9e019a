"""What an encoder classifier says of a text: quality, safety, a topic, or anything else that one was trained for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.encoder.folder import encoder_digest
from classifiers.encoder.model import load_encoder
from rephrase.settings.encoders import SCHEDULING, EncoderOptions
from rephrase.settings.paths import EncoderModel


class EncoderSettings(EncoderOptions):
    """A model and the bounds of its score. Not among the default checks: `checks: [..., {encoder: {model: FOLDER, min: 3}}]`.

    `{toxicity: {use: encoder, model: FOLDER, label: toxic, max: 0.5}}` gives one a name of its own.
    """

    model: EncoderModel
    """A folder at the same path on all machines, or a hub id."""
    min: float | None = None
    """Rows below are rejected."""
    max: float | None = None
    """Rows above are rejected: for what is not wanted, such as toxicity."""


@checks.register("encoder")
@dataclass(frozen=True, slots=True)
class EncoderCheck(Check):
    """Rejects rows by an encoder's score. Score: `encoder`, P(label) from 0 to 1, or the number that a model with one output gives.

    NaN for rows without a text. `UserError` where the model does not load, or a package is missing.
    """

    name: str
    settings: EncoderSettings
    Settings = EncoderSettings
    scored_by = ("model", "label", "max_tokens", "windows", "revision")
    scheduling = SCHEDULING

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digest": encoder_digest(self.settings.model)}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        return {self.name: load_encoder(self.settings.model, self.settings).scores(batch.texts)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)
