"""Arithmetic that is wrong: "3 × 4 = 13", "2 km + 500 m = 3 km"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from rephrase.settings.section import Section
from rephrase.verifiers.arithmetic import statements


class ArithmeticSettings(Section):
    """Bounds; null leaves a side open."""

    max_wrong: int | None = Field(default=0, ge=0)
    """Statements that are wrong."""
    max_wrong_share: float | None = Field(default=None, ge=0, le=1)
    """Wrong ones over all statements of the text."""


@checks.register("arithmetic")
@dataclass(frozen=True, slots=True)
class Arithmetic(Check):
    """Rejects texts that calculate wrongly. Scores: `arithmetic.statements` and `arithmetic.wrong`, how many a text has.

    What a statement is, and how far it may be rounded, says `rephrase.verifiers.arithmetic`. The first 100,000 characters are looked at.
    """

    name: str
    settings: ArithmeticSettings
    Settings = ArithmeticSettings

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        counts = np.full((2, len(batch)), np.nan)
        for row in np.flatnonzero(batch.has_text):
            verdicts = [statement.is_right for statement in statements(batch.texts[row] or "")]
            counts[:, row] = len(verdicts), verdicts.count(False)
        return {f"{self.name}.statements": counts[0], f"{self.name}.wrong": counts[1]}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        wrong, total = scores[f"{self.name}.wrong"], scores[f"{self.name}.statements"]
        share = np.where(total > 0, wrong / np.maximum(total, 1), np.nan)
        return within(wrong, None, self.settings.max_wrong) & within(share, None, self.settings.max_wrong_share)
