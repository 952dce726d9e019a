"""What an assistant says around a text: lead-ins, refusals, offers of more help, remains of the prompt and of its reasoning.

The rules are data, in chatter.yaml beside this file, with their sources; those of reasoning are in rephrase/text/reasoning.yaml.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

import numpy as np
from pydantic import Field, field_validator
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores
from classifiers.checks import checks
from classifiers.phrases import Finder, Phrase, known_rules
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.reasoning_marks import marks_pattern, spellings

_KINDS = ("opening", "refusal", "closing", "leak")


class Rule(Phrase):
    """A phrase, what it is, and where it counts."""

    kind: Literal["opening", "refusal", "closing", "leak"]


class _Rules(Section):
    rules: tuple[Rule, ...]


@functools.cache
def default_rules() -> tuple[Rule, ...]:
    """The rules of chatter.yaml, and those of reasoning."""
    text = resources.files(__package__).joinpath("chatter.yaml").read_text("utf-8")
    rules: _Rules = validate(_Rules, parse_yaml(text, "chatter.yaml"), "chatter.yaml")
    table = spellings()
    sentences = "|".join(re.escape(words.lower()) for pair in table.phrases for words in (pair.open, pair.close) if " " in words)
    return (
        *rules.rules,
        Rule(name="reasoning", kind="leak", where="anywhere", pattern=marks_pattern()),
        Rule(name="reasoning_sentence", kind="leak", where="line", pattern=sentences),
        Rule(name="reasoning_residue", kind="leak", where="anywhere", pattern="|".join(map(re.escape, table.residues))),
    )


class ChatterSettings(Section):
    """Which rules apply."""

    skip: tuple[str, ...] = ()
    """Names of rules in chatter.yaml, or `reasoning`, `reasoning_sentence` and `reasoning_residue`, that do not apply."""
    extra: tuple[Rule, ...] = Field(default=())
    """Further rules, for example for other languages."""

    @field_validator("skip")
    @classmethod
    def _known(cls, skip: tuple[str, ...]) -> tuple[str, ...]:
        return known_rules(skip, default_rules())


@checks.register("chatter")
@dataclass(frozen=True, slots=True)
class Chatter(Check):
    """Rejects texts that a rule finds. Scores: `chatter.opening`, `.refusal`, `.closing`, `.leak`: rules that found something.

    A leak is also the model's reasoning, in its tags or without.
    """

    name: str
    settings: ChatterSettings
    Settings = ChatterSettings
    scored_by = ("skip", "extra")
    _finder: Finder[Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = [rule for rule in default_rules() if rule.name not in self.settings.skip]
        object.__setattr__(self, "_finder", Finder((*rules, *self.settings.extra)))

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        counts = {kind: np.zeros(len(batch)) for kind in _KINDS}
        for row in np.flatnonzero(batch.has_text):
            for rule in self._finder.find(batch.texts[row] or "", batch.sources[row]):
                counts[rule.kind][row] += 1
        return {f"{self.name}.{kind}": np.where(batch.has_text, values, np.nan) for kind, values in counts.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep: Flags = ~np.any([scores[f"{self.name}.{kind}"] > 0 for kind in _KINDS], axis=0)
        return keep
