"""What is said about the passage instead of what the passage says: "The text discusses …", "What makes this passage interesting …".

The rules are data, in commentary.yaml beside this file.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

import numpy as np
from pydantic import Field, field_validator
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.phrases import Finder, Phrase, known_rules
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml


class _Rules(Section):
    rules: tuple[Phrase, ...]


@functools.cache
def default_rules() -> tuple[Phrase, ...]:
    """The rules of commentary.yaml."""
    text = resources.files(__package__).joinpath("commentary.yaml").read_text("utf-8")
    rules: _Rules = validate(_Rules, parse_yaml(text, "commentary.yaml"), "commentary.yaml")
    return rules.rules


class CommentarySettings(Section):
    """How much is allowed, and which rules apply."""

    max: int | None = Field(default=0, ge=0)
    """The most rules that may find something in a text; null where a text on the passage is what the recipe asks for."""
    skip: tuple[str, ...] = ()
    """Names of rules in commentary.yaml that do not apply."""
    extra: tuple[Phrase, ...] = Field(default=())
    """Further rules, for example for other languages."""

    @field_validator("skip")
    @classmethod
    def _known(cls, skip: tuple[str, ...]) -> tuple[str, ...]:
        return known_rules(skip, default_rules())


@checks.register("commentary")
@dataclass(frozen=True, slots=True)
class Commentary(Check):
    """Rejects texts that speak of their passage, where a text must stand alone. Score: `commentary`, the rules that found something.

    A passage that calls itself a text, an article and the like may be retold in these words.
    """

    name: str
    settings: CommentarySettings
    Settings = CommentarySettings
    needs = ("passage",)
    scored_by = ("skip", "extra")
    _finder: Finder[Phrase] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = [rule for rule in default_rules() if rule.name not in self.settings.skip]
        object.__setattr__(self, "_finder", Finder((*rules, *self.settings.extra)))

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores: Scores = np.full(len(batch), np.nan)
        for row in np.flatnonzero(batch.has_text):
            scores[row] = len(self._finder.find(batch.texts[row] or "", batch.sources[row]))
        return {self.name: scores}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], None, self.settings.max)
