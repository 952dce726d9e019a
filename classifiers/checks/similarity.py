"""How near a text is to its source passage in meaning: the cosine of their embeddings."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.fasttext.card import card_digest
from classifiers.optional import package
from rephrase.errors import UserError
from rephrase.settings.paths import File
from rephrase.settings.section import Section

Encode = Callable[[Sequence[str]], npt.NDArray[np.floating[Any]]]


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
            encode = encoder(self.settings.model, self.settings.kind, self.name)
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


def clean(text: str) -> str:
    """The text as a tokenizer takes it."""
    # Lone surrogates are no UTF-8, which tokenizers ask for.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@functools.lru_cache(maxsize=4)
def encoder(folder: str, kind: str, check: str) -> Encode:
    """What gives a vector for each text, by the model in the folder: loaded once a process.

    `UserError` where the package is missing or the model cannot be loaded; `check` is who needs it.
    """
    module = package(kind.replace("-", "_"), check)
    if not os.path.isdir(folder):  # both packages would take it for the name of a model to download
        raise UserError("there is no such folder", where=folder, cure=f"set `model` of the check `{check}` to the folder of a model")
    try:
        if kind == "model2vec":
            model = module.StaticModel.from_pretrained(folder)
            # Of long texts too the whole is compared; and a check starts no processes.
            return functools.partial(model.encode, max_length=None, use_multiprocessing=False)
        network = module.SentenceTransformer(folder, device="cpu")
        return functools.partial(network.encode, show_progress_bar=False, convert_to_numpy=True)
    except Exception as error:  # each format fails in its own way
        cure = f"give the folder of a {kind} model, or set `kind`"
        raise UserError(f"{kind} cannot load the model: {error}", where=folder, cure=cure) from error
