"""Whether a text is in its document's language, or in the one that its recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.fasttext.card import card_digest
from classifiers.fasttext.model import load_model
from rephrase.settings.paths import LanguageModel
from rephrase.settings.section import Section
from rephrase.text.languages import SEVERAL, UNKNOWN, language_tag, same_language


class LanguageSettings(Section):
    """A language model and how sure it must be."""

    model: LanguageModel
    """Path or `s3://` URL of a fastText language model such as lid.176.ftz."""
    min: float = Field(default=0.0, ge=0, le=1)
    """The least probability of the language."""


@checks.register("language")
@dataclass(frozen=True, slots=True)
class Language(Check):
    """Rejects texts in another language than they shall be in. Score: `language`, the probability of that language.

    It is the document's, the one that the recipe's `language` names, or a translation's own. 0 where another language is likelier, NaN
    where nobody knows it, and for texts in several. The model's labels and the documents' tags may be spelled in different ways:
    `eng_Latn`, `en` and `English` are one language.
    """

    name: str
    settings: LanguageSettings
    Settings = LanguageSettings
    scored_by = ("model",)

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digest": card_digest(self.settings.model)}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        labels, scores = load_model(self.settings.model, languages=True).labels(batch.texts)
        expected = batch.expected_languages
        known = np.array([language_tag(language or "") not in (UNKNOWN, SEVERAL) for language in expected], np.bool_)
        same = np.array([same_language(a, b) for a, b in zip(labels, expected, strict=True)], np.bool_)
        return {self.name: np.where(batch.has_text & known, np.where(same, scores, 0.0), np.nan)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep: Flags = within(scores[self.name], self.settings.min, None) & ~(scores[self.name] == 0)
        return keep
