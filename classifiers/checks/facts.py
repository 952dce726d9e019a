"""Numbers, names and quotations of a text against those of its source passage: what was made up, and what was lost.

The precision and recall of a text's entities against its source are those of Nan et al. (2021, arXiv 2102.09130).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.facts import Facts, facts_of
from rephrase.settings.section import Section

# What is counted for each bound, to be enough for it to apply.
_COUNTED = {
    "new_numbers": "new_numbers",
    "new_number_share": "new_numbers",
    "kept_numbers": "shown_numbers",
    "new_names": "new_names",
    "new_name_share": "new_names",
    "kept_names": "shown_names",
    "new_quotes": "new_quotes",
}


class FactsSettings(Section):
    """Bounds of the scores of the same names: `new_…` at most, `kept_…` at least. None leaves a score without a bound."""

    new_numbers: int | None = Field(default=None, ge=0)
    new_number_share: float | None = Field(default=None, ge=0, le=1)
    new_names: int | None = Field(default=None, ge=0)
    new_name_share: float | None = Field(default=None, ge=0, le=1)
    new_quotes: int | None = Field(default=None, ge=0)
    kept_numbers: float | None = Field(default=None, ge=0, le=1)
    kept_names: float | None = Field(default=None, ge=0, le=1)
    min_count: int = Field(default=3, ge=1)
    """A bound applies where at least so many numbers (names, quotations) are new, or where the source has at least so many to keep."""


@checks.register("facts")
@dataclass(frozen=True, slots=True)
class FactCheck(Check):
    """Rejects texts that state much that their source does not say, or that lose much of what it states.

    Scores: `facts.new_numbers`, `.new_names`, `.new_quotes`, how many distinct ones the source lacks; `.new_number_share` and
    `.new_name_share`, their shares of the text's own; `.shown_numbers` and `.shown_names`, how many distinct ones the source has;
    `.kept_numbers` and `.kept_names`, the shares of those that the text says.
    Names are compared word by word, in any case and by their first letters: after "Marie Curie", "Curies" is not new. A quotation is new
    where its words do not stand in the source in their order, quoted or not.

    NaN: shares of nothing, rows without a text or a source, names where capitals do not mark them in both, and texts that shall be in
    another language than their document: it spells names and number words in its own way.
    """

    name: str
    settings: FactsSettings
    Settings = FactsSettings
    needs = ("passage",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        counts = np.full((len(batch), 9), np.nan)
        facts_of_sources: dict[str, Facts] = {}
        for row in np.flatnonzero(batch.has_text):
            source = batch.sources[row]
            if not source or source.isspace() or batch.is_translated[row]:
                continue
            if source not in facts_of_sources:
                facts_of_sources[source] = facts_of(source)
            counts[row] = _compared(facts_of(batch.texts[row] or ""), facts_of_sources[source])
        numbers, new_numbers, shown_numbers, kept_numbers, names, new_names, shown_names, kept_names, new_quotes = counts.T
        measures = {
            "new_numbers": new_numbers,
            "new_number_share": _share(new_numbers, numbers),
            "shown_numbers": shown_numbers,
            "kept_numbers": _share(kept_numbers, shown_numbers),
            "new_names": new_names,
            "new_name_share": _share(new_names, names),
            "shown_names": shown_names,
            "kept_names": _share(kept_names, shown_names),
            "new_quotes": new_quotes,
        }
        return {f"{self.name}.{measure}": values for measure, values in measures.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        """A bound applies from so many facts on that are new, or that the source shows."""
        keep: Flags = np.ones(len(scores[f"{self.name}.new_quotes"]), np.bool_)
        for bound, counted in _COUNTED.items():
            enough = scores[f"{self.name}.{counted}"] >= self.settings.min_count
            value = getattr(self.settings, bound)
            low, high = (value, None) if bound.startswith("kept") else (None, value)
            keep &= within(np.where(enough, scores[f"{self.name}.{bound}"], np.nan), low, high)
        return keep


def _compared(text: Facts, source: Facts) -> tuple[float, ...]:
    new_numbers = len(text.numbers - source.mentioned)
    kept_numbers = len(source.numbers & text.mentioned)
    names: tuple[float, ...] = (np.nan,) * 4
    if text.names is not None and source.names is not None:
        new_names = len(text.names - source.stems)
        names = len(text.names), new_names, len(source.names), len(source.names & text.stems)
    new_quotes = sum(f" {quote} " not in source.wording for quote in text.quotes)
    return len(text.numbers), new_numbers, len(source.numbers), kept_numbers, *names, new_quotes


def _share(part: Scores, whole: Scores) -> Scores:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
