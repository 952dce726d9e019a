"""Whether a rewrite says what its passage says, point by point: a cheap stand-in for a judge, without any model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.english import is_english
from classifiers.points import Points, compare_points, points_of
from rephrase.settings.section import Section
from rephrase.text.languages import UNKNOWN, language_tag, same_language


class FaithfulSettings(Section):
    """What counts as kept, and bounds. Not among the default checks; the defaults are ours, chosen on a small sample of marked pairs."""

    kept_at: float = Field(default=0.4, ge=0, le=1)
    """A point is kept where two neighbouring sentences of the text hold this share of its words and numbers."""
    added_at: float = Field(default=0.4, ge=0, le=1)
    """A sentence of the text is added where less than this share of its words and numbers stands in the passage."""
    min_kept: float | None = Field(default=0.6, ge=0, le=1)
    max_contradicted: float | None = Field(default=0.25, ge=0, le=1)
    max_added: float | None = Field(default=0.3, ge=0, le=1)


@checks.register("faithful")
@dataclass(frozen=True, slots=True)
class Faithful(Check):
    """Rejects rewrites that lose points of their passage, contradict them, or add points of their own. English alone.

    A point is a sentence: its words, numbers, names and negations. Scores: `faithful.points`, how many the passage has, of which the first
    256 are looked at; `.kept` and `.contradicted`, their shares; `.added`, a share of the text's own sentences. What says the same, or the
    opposite, in words of its own is not recognised: a judge is `label/faithful`. `.other_language` is 1 where passage or text are not
    English, by the document's language or by their words: such rows have no other score, and none is rejected.

    NaN: rows without a text or a passage, and the other scores of passages without a point.
    """

    name: str
    settings: FaithfulSettings
    Settings = FaithfulSettings
    needs = ("passage",)
    scored_by = ("kept_at", "added_at")

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores = {measure: np.full(len(batch), np.nan) for measure in ("points", "kept", "contradicted", "added", "other_language")}
        passages: dict[str, Points] = {}
        for row in np.flatnonzero(batch.has_text):
            source, text = batch.sources[row], batch.texts[row] or ""
            if not source:
                continue
            is_other = batch.is_translated[row] or not (_is_english(source, batch.languages[row]) and is_english(text))
            scores["other_language"][row] = is_other
            if is_other:
                continue
            if source not in passages:
                passages[source] = points_of(source)
            if passages[source].points:
                found = compare_points(passages[source], text, self.settings.kept_at, self.settings.added_at)
                scores["points"][row] = found.points
                scores["kept"][row] = found.kept / found.points
                scores["contradicted"][row] = found.contradicted / found.points
                scores["added"][row] = found.added / found.written if found.written else np.nan
        return {f"{self.name}.{measure}": values for measure, values in scores.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep = within(scores[f"{self.name}.kept"], self.settings.min_kept, None)
        keep &= within(scores[f"{self.name}.contradicted"], None, self.settings.max_contradicted)
        return keep & within(scores[f"{self.name}.added"], None, self.settings.max_added)


def _is_english(passage: str, language: str | None) -> bool:
    """Whether a passage is English, as its document says, or where it does not say it, as its words do."""
    return is_english(passage) if language_tag(language or "") == UNKNOWN else same_language("en", language)
