"""What an assistant says around a text: lead-ins, refusals, offers of more help, remains of the prompt and of its reasoning.

The rules are data, in chatter.yaml beside this file, with their sources; those of reasoning are in rephrase/text/reasoning.yaml.
"""

from __future__ import annotations

import difflib
import functools
import itertools
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
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.reasoning import marks_pattern

# What may stand between the place and the phrase: spaces and Markdown signs. No quotation marks: those begin speech.
_DRESS = r"[ \t*#>_\-(]*"
_KINDS = ("opening", "refusal", "closing", "leak")
_HEAD = 400  # characters at the start, and at the end, that openings and endings are looked for in
_MOST_PHRASES = 200  # different ones of a rule that are looked for in the source
# A sentence begins behind a mark, a line break or bold type, and a run of these, of spaces and of Markdown signs is one beginning. It is
# tried from its first character alone: small models write such runs without end, and each try reads all of it.
_SENTENCE = r"(?:[.!?:]|(?<![\s*#>_\-(])[ \t#>_\-(]*+[\n*])[\s*#>_\-(]*"
_PLACES = {
    "start": r"\A\s*" + _DRESS,
    "line": r"\n" + _DRESS,
    "last_line": r"\A" + _DRESS,
    "ending": r"(?:\A|[.!?]\s+)" + _DRESS,
    "sentence": _SENTENCE,
    "anywhere": "",
}


class Rule(Section):
    """A phrase, and where it counts."""

    name: str
    kind: Literal["opening", "refusal", "closing", "leak"]
    where: Literal["start", "line", "last_line", "ending", "sentence", "anywhere"]
    pattern: str
    """A regular expression over the text in lower case, with straight apostrophes. Its lines are joined."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        pattern = "".join(line.strip() for line in pattern.splitlines())
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if groups:  # rules are joined into one expression, where the numbers of groups would shift
            raise ValueError("write groups as (?:…)")
        return pattern


class _Rules(Section):
    rules: tuple[Rule, ...]


@functools.cache
def default_rules() -> tuple[Rule, ...]:
    """The rules of chatter.yaml, and `reasoning`."""
    text = resources.files(__package__).joinpath("chatter.yaml").read_text("utf-8")
    rules: _Rules = validate(_Rules, parse_yaml(text, "chatter.yaml"), "chatter.yaml")
    return (*rules.rules, Rule(name="reasoning", kind="leak", where="anywhere", pattern=marks_pattern()))


class ChatterSettings(Section):
    """Which rules apply."""

    skip: tuple[str, ...] = ()
    """Names of rules in chatter.yaml, or `reasoning`, that do not apply."""
    extra: tuple[Rule, ...] = Field(default=())
    """Further rules, for example for other languages."""

    @field_validator("skip")
    @classmethod
    def _known(cls, skip: tuple[str, ...]) -> tuple[str, ...]:
        known = [rule.name for rule in default_rules()]
        for name in skip:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0)
                raise ValueError(f"there is no rule `{name}`; did you mean `{near[0]}`?")
        return skip


@checks.register("chatter")
@dataclass(frozen=True, slots=True)
class Chatter(Check):
    """Rejects texts that a rule finds. Scores: `chatter.opening`, `.refusal`, `.closing`, `.leak`: rules that found something."""

    name: str
    settings: ChatterSettings
    Settings = ChatterSettings
    scored_by = ("skip", "extra")
    _searches: tuple[_Search, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rules = [rule for rule in default_rules() if rule.name not in self.settings.skip]
        object.__setattr__(self, "_searches", _searches((*rules, *self.settings.extra)))

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        counts = {kind: np.zeros(len(batch)) for kind in _KINDS}
        for row in np.flatnonzero(batch.has_text):
            for kind in self._kinds_in(batch.texts[row] or "", batch.sources[row]):
                counts[kind][row] += 1
        return {f"{self.name}.{kind}": np.where(batch.has_text, values, np.nan) for kind, values in counts.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep: Flags = ~np.any([scores[f"{self.name}.{kind}"] > 0 for kind in _KINDS], axis=0)
        return keep

    def _kinds_in(self, text: str, source: str) -> list[str]:
        """The kind of each rule that finds something in the text."""
        text = _plain(text.strip())
        parts = {"start": text[:_HEAD], "last": text[-_HEAD:].rsplit("\n", 1)[-1], "all": f"\n{text}"}
        kinds: list[str] = []
        plain_source: str | None = None
        for search in self._searches:
            part = parts[search.part]
            if not search.gate.search(part):
                continue
            plain_source = _plain(source) if plain_source is None else plain_source
            for rule, regex in search.rules:
                phrases = dict.fromkeys(hit["phrase"] for hit in regex.finditer(part))
                if any(phrase not in plain_source for phrase in itertools.islice(phrases, _MOST_PHRASES)):
                    kinds.append(rule.kind)
        return kinds


@dataclass(frozen=True, slots=True)
class _Search:
    """The rules of one part of the text. The gate is all of them in one expression: most texts need no more than that."""

    part: Literal["start", "last", "all"]
    gate: re.Pattern[str]
    rules: tuple[tuple[Rule, re.Pattern[str]], ...]


def _searches(rules: tuple[Rule, ...]) -> tuple[_Search, ...]:
    searches = []
    for place, before in _PLACES.items():
        chosen = [rule for rule in rules if rule.where == place]
        if chosen:
            part: Literal["start", "last", "all"] = "start" if place == "start" else "last" if place in ("last_line", "ending") else "all"
            gate = re.compile(before + "(?:" + "|".join(f"(?:{rule.pattern})" for rule in chosen) + ")")
            searches.append(_Search(part, gate, tuple((rule, re.compile(f"{before}(?P<phrase>{rule.pattern})")) for rule in chosen)))
    return tuple(searches)


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")
