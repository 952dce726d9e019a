"""Whether a completion came to its end, and whether its text could be parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores
from classifiers.checks import checks
from rephrase.engines.finish_reasons import ending_of
from rephrase.settings.section import Section


class FinishedSettings(Section):
    """Whether a cut completion is bad."""

    whole_parts: bool = False
    """Rows are parts of a completion, and their recipe leaves out the part that was cut: the others are kept."""


@checks.register("finished")
@dataclass(frozen=True, slots=True)
class Finished(Check):
    """Rejects unfinished completions: broken off, or cut at the recipe's `sampling.max_tokens` (raise it; a small model may repeat itself).

    A reason that nobody knows counts likewise. Score: `finished`, 1 or 0; NaN where none is given. Servers' own words count too.
    """

    name: str
    settings: FinishedSettings
    Settings = FinishedSettings
    needs = ("completion",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        reasons = zip(batch.finish_reasons, batch.errors, strict=True)
        # An error is for `parsed` to judge: the engine never answered.
        unknown = [not reason or (reason == "error" and error is not None) for reason, error in reasons]
        finished = [ending_of(reason) == "finished" for reason in batch.finish_reasons]
        return {self.name: np.where(unknown, np.nan, np.array(finished, np.float64))}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep: Flags = (scores[self.name] != 0) | self.settings.whole_parts
        return keep


class ParsedSettings(Section):
    """Nothing to set."""


@checks.register("parsed")
@dataclass(frozen=True, slots=True)
class Parsed(Check):
    """Rejects rows with an error and rows whose text is blank. Score: `parsed`, 1 or 0."""

    name: str
    settings: ParsedSettings
    Settings = ParsedSettings
    needs = ("completion",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        good = batch.has_text & np.array([error is None for error in batch.errors], np.bool_)
        return {self.name: good.astype(np.float64)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep: Flags = scores[self.name] != 0
        return keep
