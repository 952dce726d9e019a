"""How surprising a text is to an n-gram language model of KenLM (Heafield 2011).

CCNet (Wenzek et al. 2019, arXiv 1911.00359) filters the web by it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.fasttext.card import card_digest
from classifiers.optional import package
from rephrase.errors import UserError
from rephrase.settings.paths import File
from rephrase.settings.section import Section

_LARGEST_POWER = 300  # of ten, below the largest number


class PerplexitySettings(Section):
    """A model and the bounds of its score. Not among the default checks: `checks: [..., {perplexity: {model: en.binary, max: 2000}}]`.

    Words are what white space parts, as they are: train the model on text that was prepared in the same way (`lmplz -o 5`).
    Perplexities of different models cannot be compared: look at the scores of some rows before setting a bound.
    """

    model: File
    """A KenLM file, ARPA or binary, at the same path on all machines."""
    min: float | None = Field(default=None, ge=1)
    """Below it the text is too predictable: boilerplate and lists of the same."""
    max: float | None = Field(default=None, ge=1)
    """Above it the text is not language as the model knows it."""


@checks.register("perplexity")
@dataclass(frozen=True, slots=True)
class Perplexity(Check):
    """Rejects texts that are no language, or nothing but phrases. Score: `perplexity` per word, at least 1.

    Each line is a sentence: 10 ** (-log10 P / (words + 1)) of all lines together, where the end of each line counts as a word. NaN for rows
    without a text. `UserError` where the package is missing or the model cannot be loaded.
    """

    name: str
    settings: PerplexitySettings
    Settings = PerplexitySettings
    scored_by = ("model",)
    packages = MappingProxyType({"kenlm": "perplexity"})

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digest": card_digest(self.settings.model)}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores = np.full(len(batch), np.nan)
        for row in np.flatnonzero(batch.has_text):
            scores[row] = _perplexity(_load(self.settings.model, self.name), batch.texts[row] or "")
        return {self.name: scores}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)


def _perplexity(model: Any, text: str) -> float:
    logarithm, count = 0.0, 0
    for line in _clean(text).splitlines():
        if parts := line.split():
            logarithm += model.score(" ".join(parts))
            count += len(parts) + 1
    return float(10 ** min(-logarithm / count, _LARGEST_POWER)) if count else np.nan


def _clean(text: str) -> str:
    # KenLM reads UTF-8 up to a zero.
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


@functools.lru_cache(maxsize=4)
def _load(path: str, check: str) -> Any:
    kenlm = package("kenlm", check)
    if not os.path.isfile(path):  # KenLM's own message is one of C++
        raise UserError("there is no such KenLM model", where=path, cure=f"set `model` of the check `{check}` to a local file")
    settings = kenlm.Config()
    settings.show_progress = False
    try:
        return kenlm.Model(path, settings)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"KenLM cannot read the model: {error}", where=path, cure="give an ARPA file or one that build_binary made"
        ) from error
