"""Whether programs are programs: Python by its own compiler, other languages by the grammars of tree-sitter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, field_validator
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.code import Program, programs_of
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section
from rephrase.text.code.languages import language_named, programming_languages
from rephrase.text.code.syntax import grammar_version, syntax_errors


class ProgramSettings(Section):
    """Where programs stand, and in which language."""

    language: str | None = None
    """Of all programs. Default: what a code fence says, else the row's part `language`, else the document's language."""
    fenced: bool = False
    """Programs stand in code fences alone, and what stands around them is prose. Without it, that holds for texts of unknown language."""
    max_characters: int = Field(default=1_000_000, ge=1)
    """Nothing is said of longer programs."""

    @field_validator("language")
    @classmethod
    def _known(cls, language: str | None) -> str | None:
        if language is not None and language_named(language) is None:
            raise fault(f"nothing is known of the language `{language}`", nearest(language, programming_languages()), (), language)
        return language_named(language)


class CompilesSettings(ProgramSettings):
    """How many faults are allowed, and where programs stand."""

    max: int | None = Field(default=0, ge=0)
    """The most faults of a text. Grammars do not know what macros of C and C++ stand for: allow some there."""


@checks.register("compiles")
@dataclass(frozen=True, slots=True)
class Compiles(Check):
    """Rejects texts with programs that are none. Score: `compiles`, the faults of all programs in a text.

    Python's compiler, of the version that runs, tells of the first fault of a program alone. Where nothing can be said of a program,
    `compiles.unknown_language`, `compiles.too_long` or `compiles.too_hard` tells why; a row without another program has no score.
    """

    name: str
    settings: CompilesSettings
    Settings = CompilesSettings
    scored_by = ("language", "fenced", "max_characters")

    @override
    def identity(self) -> dict[str, Any]:
        languages = [self.settings.language] if self.settings.language else programming_languages()
        return {"grammars": {name: grammar_version(name) for name in languages}}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores: dict[str, Scores] = {self.name: np.full(len(batch), np.nan)}
        for row in np.flatnonzero(batch.has_text):
            for program in programs_of(batch, row, self.settings.language, fenced=self.settings.fenced):
                faults = self._faults(program)
                reason = f"{self.name}.{faults}" if isinstance(faults, str) else self.name
                values = scores.setdefault(reason, np.full(len(batch), np.nan))
                values[row] = np.nansum([values[row], 1 if isinstance(faults, str) else faults])
        return scores

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], None, self.settings.max)

    def _faults(self, program: Program) -> int | str:
        """How many, or why nobody knows."""
        if program.language is None:
            return "unknown_language"
        if len(program.text) > self.settings.max_characters:
            return "too_long"
        errors = syntax_errors(program.text, program.language)
        return "too_hard" if errors is None else errors
