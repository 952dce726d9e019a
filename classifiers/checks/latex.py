"""LaTeX that is broken: delimiters, environments and braces without their other half, formulas that cannot be parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from rephrase.settings.section import Section
from rephrase.verifiers.latex_faults import latex_of

_KINDS = ("delimiter", "environment", "brace", "syntax")  # of faults


class LatexSettings(Section):
    """Bounds; null leaves a side open."""

    max_faults: int | None = Field(default=0, ge=0)
    """Faults of a text, whatever their kind."""
    max_fault_share: float | None = Field(default=None, ge=0)
    """Faults over formulas: a long text may have one."""
    min_formulas: int | None = Field(default=None, ge=0)
    """Formulas that a text must have."""


@checks.register("latex")
@dataclass(frozen=True, slots=True)
class LatexCheck(Check):
    """Rejects texts whose LaTeX is broken. Scores: `latex.formulas`, and the faults `latex.delimiter`, `.environment`, `.brace`, `.syntax`.

    What a formula is says `rephrase.verifiers.latex_faults`. The syntax is that of texform, a parser of LaTeX; commands that it does
    not know are no fault. It is asked about formulas of up to 2,000 characters, and about 50,000 characters of a text.
    """

    name: str
    settings: LatexSettings
    Settings = LatexSettings

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        counts = np.full((1 + len(_KINDS), len(batch)), np.nan)
        for row in np.flatnonzero(batch.has_text):
            latex = latex_of(batch.texts[row] or "")
            counts[:, row] = len(latex.formulas), *(sum(fault.kind == kind for fault in latex.faults) for kind in _KINDS)
        return {f"{self.name}.{measure}": values for measure, values in zip(("formulas", *_KINDS), counts, strict=True)}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        formulas = scores[f"{self.name}.formulas"]
        faults = np.sum([scores[f"{self.name}.{kind}"] for kind in _KINDS], axis=0)
        share = np.where(formulas > 0, faults / np.maximum(formulas, 1), np.nan)
        keep = within(faults, None, self.settings.max_faults) & within(share, None, self.settings.max_fault_share)
        return keep & within(formulas, self.settings.min_formulas, None)
