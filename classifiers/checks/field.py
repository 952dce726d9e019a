"""A number that a model wrote: the score of a recipe's own judge, or any other part of a generation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from rephrase.settings.section import Section


class FieldSettings(Section):
    """A part of the generations and its bounds. A recipe with a judge writes the part `score`: see `parser: score`."""

    field: str = "score"
    """Its name in the column `fields`; a dot goes into an object."""
    min: float | None = Field(default=None)
    max: float | None = Field(default=None)


@checks.register("field")
@dataclass(frozen=True, slots=True)
class FieldCheck(Check):
    """Rejects rows by a number among their parts. Score: the check's name; NaN where there is no such part, or it is no finite number."""

    name: str
    settings: FieldSettings
    Settings = FieldSettings
    needs = ("completion",)
    scored_by = ("field",)

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        return {self.name: np.array([_number(fields, self.settings.field) for fields in batch.fields])}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, self.settings.max)


def _number(fields: str | None, name: str) -> float:
    try:
        value = orjson.loads(fields) if fields else None
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        number = float(value) if value is not None else math.nan
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan
