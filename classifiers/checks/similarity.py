"""How near a text is to its source passage in meaning: the cosine of their embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.fasttext.card import card_digest
from rephrase.settings.paths import File
from rephrase.settings.section import Section
from rephrase.text.embeddings import clean, encoder


class SimilaritySettings(Section):
    """A model and the bounds of its score. Not among the default checks: `checks: [..., {similarity: {model: FOLDER, min: 0.5}}]`.

    What a paraphrase scores depends on the model: look at the scores of some rows before setting a bound.
    """

    model: File
    """Folder of the model, at the same path on all machines."""
    kind: Literal["model2vec", "sentence-transformers"] = "model2vec"
    """What made the folder, and the package that reads it. Static models look words up, and take about as long as other checks. Sentence
    transformers run a network, on the CPU, and read only as much of a text as that was made for."""
    min: float | None = Field(default=None, ge=-1, le=1)
    """Below it the text has left its source."""
    max: float | None = Field(default=None, ge=-1, le=1)
    """Above it the text hardly differs from its source."""


@checks.register("similarity")
@dataclass(frozen=True, slots=True)
class Similarity(Check):
    """Rejects texts that left their source, or stayed too near. Score: `similarity`, the cosine of both embeddings, from -1 to 1.

    NaN for rows without a text or a source, and where the model knows no word of one of them. `UserError` where the package is missing or
    the model cannot be loaded.
    """

    name: str
    settings: SimilaritySettings
    Settings = SimilaritySettings
    needs = ("passage",)
    scored_by = ("model", "kind")

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digest": card_digest(self.settings.model)}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores = np.full(len(batch), np.nan)
        rows = [row for row in np.flatnonzero(batch.has_text) if batch.sources[row].strip()]
        if rows:
            encode = encoder(self.settings.model, self.settings.kind, f"check `{self.name}`")
            place: dict[str, int] = {}
            texts = [place.setdefault(clean(batch.texts[row] or ""), len(place)) for row in rows]
            sources = [place.setdefault(clean(batch.sources[row]), len(place)) for row in rows]
            scores[rows] = cosines(encode(list(place)), texts, sources)
        return {self.name: scores}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)


def cosines(vectors: npt.NDArray[np.floating[Any]], left: Sequence[int], right: Sequence[int]) -> npt.NDArray[np.float64]:
    """The cosine of `vectors[left[i]]` and `vectors[right[i]]` for each i; NaN where one of them is zero. `vectors`: one a row."""
    exact = vectors.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1)
    units = exact / np.where(norms > 0, norms, np.nan)[:, None]
    products: npt.NDArray[np.float64] = np.sum(units[left] * units[right], axis=1)
    return np.clip(products, -1, 1)
