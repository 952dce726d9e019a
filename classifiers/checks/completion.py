"""Whether a completion came to its end, and whether its text could be parsed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifiers.batch import CheckResult, JudgeBatch
from rephrase.config import Section


class FinishedSettings(Section):
    """Nothing to set."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Rejects completions that the token limit cut off. Score: `finished`, 1 or 0; NaN where the reason is unknown."""

    name: str
    settings: FinishedSettings

    def __call__(self, batch: JudgeBatch) -> CheckResult:
        """Score the batch."""
        values = {"stop": 1.0, "length": 0.0}  # "error" is for `parsed` to judge: the engine never answered
        scores = np.array([values.get(reason or "", np.nan) for reason in batch.finish_reasons])
        return CheckResult({self.name: scores}, scores != 0)


class ParsedSettings(Section):
    """Nothing to set."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rejects rows with an error and rows whose text is blank. Score: `parsed`, 1 or 0."""

    name: str
    settings: ParsedSettings

    def __call__(self, batch: JudgeBatch) -> CheckResult:
        """Score the batch."""
        good = batch.has_text & np.array([error is None for error in batch.errors], np.bool_)
        return CheckResult({self.name: good.astype(np.float64)}, good)
