"""Whether a translation corresponds to its source, paragraph by paragraph, as rules that clean parallel corpora tell it."""

from __future__ import annotations

import math
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
from classifiers.parts import parts_of, text_part
from classifiers.translations.pairs import Pair, measures_of
from rephrase.settings.paths import LanguageModel
from rephrase.settings.section import Section
from rephrase.text.blocks import has_blank_lines, paragraphs_of
from rephrase.text.languages import same_language

# The parts of a row in which the recipe tells the language that it has translated into, and how alike a translation back is.
_LANGUAGE, _BACK = "translated_to", "chrf"


class AlignedSettings(Section):
    """Bounds of the scores that their names end with; null leaves a score without one. Not among the default checks."""

    model: LanguageModel | None = None
    """Path or `s3://` URL of a fastText language model such as lid.176.bin. Without one, Resiliparse's profiles of 101 languages tell
    the language of a paragraph, and other languages are told by their script alone."""
    min_paragraphs: float | None = Field(default=1, ge=0, le=1)
    max_length: float | None = Field(default=3, ge=1)
    """At most so many times as long, or as short: 3 as bicleaner-hardrules (`length_ratio`), on lengths as in English."""
    max_paragraph_length: float | None = Field(default=9, ge=1)
    """The same for each pair of paragraphs: 9 as NLLB for sentences (arXiv 2207.04672; `max_len_ratio` of facebookresearch/stopes)."""
    min_language: float | None = Field(default=0.6, ge=0, le=1)
    """Ours: of near languages short paragraphs are taken for each other."""
    min_script: float | None = Field(default=0.5, ge=0, le=1)
    """Ours: names, code and addresses keep theirs."""
    min_numbers: float | None = Field(default=0.5, ge=0, le=1)
    """0.5 as OpusFilter, on the digits of both (`NonZeroNumeralsFilter`, Vázquez et al. 2019)."""
    max_new_numbers: float | None = Field(default=0.5, ge=0, le=1)
    """Ours: the other side of `min_numbers`."""
    min_names: float | None = Field(default=None, ge=0, le=1)
    """None: cities and countries have other names in other languages."""
    min_fixed: float | None = Field(default=0.8, ge=0, le=1)
    """Ours."""
    max_untranslated: float | None = Field(default=0.1, ge=0, le=1)
    """Ours: a quotation, or a title."""
    min_back: float | None = Field(default=None, ge=0, le=100)
    min_count: int = Field(default=3, ge=1)
    """Bounds of numbers and names apply from so many on."""


@checks.register("aligned")
@dataclass(frozen=True, slots=True)
class Aligned(Check):
    """Rejects translations that do not correspond to their source. Rows of `translate/…` say their languages; others have no score.

    Scores: `aligned.paragraphs`, the smaller number of paragraphs over the larger, 1 where they correspond one to one; `.length`, the
    translation's length over the source's, in characters as English would have them, and `.paragraph_length`, how many times as long one
    of a pair of paragraphs is at most; `.language` and `.script`, the shares of characters in paragraphs of its language and of letters in
    its script; `.numbers` and `.new_numbers`, the shares of the source's numbers that it has and of its own that the source lacks, of
    `.shown_numbers` and `.written_numbers`; `.names`, the share of `.shown_names` that it has, where both are written in one script;
    `.fixed`, the share of URLs, addresses and code that stayed; `.untranslated`, the share of its letters in sentences of the source;
    `.back`, chrF of a translation back against the source, from 0 to 100, for the documents of which there is one.

    NaN: shares of nothing; pairs of paragraphs where their numbers differ; rows without a text or a source.
    """

    name: str
    settings: AlignedSettings
    Settings = AlignedSettings
    needs = ("passage",)
    scored_by = ("model",)

    @override
    def identity(self) -> dict[str, Any]:
        return {"model_digest": card_digest(self.settings.model)} if self.settings.model else {}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores = {f"{self.name}.{name}": np.full(len(batch), np.nan) for name in _SCORES}
        for row, told in enumerate(batch.fields):
            if text_part(told, _LANGUAGE) is None:
                continue
            fields = parts_of(told)
            back = fields.get(_BACK)
            measures = {"back": float(back)} if isinstance(back, int | float) else {}
            pair = _pair(fields, batch.texts[row], batch.sources[row])
            if pair is not None:
                measures |= measures_of(pair)
                if self.settings.model:
                    measures["language"] = self._told_by_model(pair)
            for name, value in measures.items():
                scores[f"{self.name}.{name}"][row] = value
        return scores

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        of = {name: scores[f"{self.name}.{name}"] for name in _SCORES}
        bounds = self.settings
        keep: Flags = within(of["paragraphs"], bounds.min_paragraphs, None)
        for name, most in (("length", bounds.max_length), ("paragraph_length", bounds.max_paragraph_length)):
            keep &= within(of[name], None if most is None else 1 / most, most)
        for name in ("language", "script", "fixed", "back"):
            keep &= within(of[name], getattr(bounds, f"min_{name}"), None)
        for name, counted in (("numbers", "shown_numbers"), ("names", "shown_names")):
            keep &= within(np.where(of[counted] >= bounds.min_count, of[name], np.nan), getattr(bounds, f"min_{name}"), None)
        keep &= within(np.where(of["written_numbers"] >= bounds.min_count, of["new_numbers"], np.nan), None, bounds.max_new_numbers)
        return keep & within(of["untranslated"], None, bounds.max_untranslated)

    def _told_by_model(self, pair: Pair) -> float:
        paragraphs = paragraphs_of(pair.text, by_lines=not has_blank_lines(pair.source))
        labels, _ = load_model(self.settings.model or "", languages=True).labels(paragraphs)
        right = sum(len(paragraph) for paragraph, label in zip(paragraphs, labels, strict=True) if same_language(label, pair.language))
        return right / sum(map(len, paragraphs)) if paragraphs else math.nan


_SCORES = (
    *("paragraphs", "length", "paragraph_length", "language", "script", "numbers", "new_numbers", "shown_numbers", "written_numbers"),
    *("names", "shown_names", "fixed", "untranslated", "back"),
)


def _pair(fields: Mapping[str, Any], text: str | None, source: str) -> Pair | None:
    """A translation and its source; None for a row without one. In a text of both the translation stands apart among the fields."""
    translation, language = fields.get("translation", text), fields.get("source_language")
    if not text or not isinstance(translation, str) or not translation.strip() or not source.strip():
        return None
    return Pair(translation, source, fields[_LANGUAGE], language if isinstance(language, str) else None)
