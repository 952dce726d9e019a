"""Licences and rights in the comment at the head of a file: those that a model made up, and those that a document must not have."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
from pydantic import field_validator
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores
from classifiers.checks import checks
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

_HEAD = 6_000  # characters; the longest header of a licence in use has half of them
_LINE = re.compile(r"[ \t]*+(?:[rRuU](?=\"\"\"|'''))?(?:#!?|//+!?|/\*+!?|\*+/?|--+|;+|%+|<!--|\"\"\"|'''|\(\*|```[^\n]*)(?P<said>[^\n]*+)")
_BLOCK = re.compile(r"[ \t]*+[rRuU]?(?P<open>/\*|\"\"\"|'''|<!--|\(\*)")
_OPENS = re.compile(
    r"\ufeff?[ \t]*+(?:<\?php\b|<\?xml\b[^\n]*?\?>|<!doctype\b[^\n>]*+>|(['\"])use strict\1;?)", re.IGNORECASE
)  # before comments
_CLOSES = {"/*": "*/", '"""': '"""', "'''": "'''", "<!--": "-->", "(*": "*)"}


class _Rule(Section):
    name: str
    pattern: str


class _Rules(Section):
    rules: tuple[_Rule, ...]


@functools.cache
def _patterns() -> dict[str, re.Pattern[str]]:
    text = resources.files(__package__).joinpath("licence_header.yaml").read_text("utf-8")
    rules: _Rules = validate(_Rules, parse_yaml(text, "licence_header.yaml"), "licence_header.yaml")
    return {rule.name: re.compile(rule.pattern) for rule in rules.rules}


class LicenceHeaderSettings(Section):
    """What no header may hold."""

    reject: tuple[str, ...] | None = None
    """Names of rules in licence_header.yaml: `[gpl, agpl, proprietary]` for documents. Default: all, as a rewrite needs no header."""

    @field_validator("reject")
    @classmethod
    def _known(cls, reject: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for number, name in enumerate(reject or ()):
            if name not in _patterns():
                raise fault(f"there is no rule `{name}`", nearest(name, _patterns()), (number,), name)
        return reject


@checks.register("licence_header")
@dataclass(frozen=True, slots=True)
class LicenceHeader(Check):
    """Rejects texts whose first comments tell of a licence or of rights. Scores: `licence_header`, the rules that find something there.

    `licence_header.RULE` is 1 for each of them. What stands at the head of the passage too is the document's own and no fault of a rewrite.
    Only the comments before the first line of a program are looked at.
    """

    name: str
    settings: LicenceHeaderSettings
    Settings = LicenceHeaderSettings
    scored_by = ()

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores: dict[str, Scores] = {self.name: np.full(len(batch), np.nan)}
        scores |= {f"{self.name}.{rule}": np.full(len(batch), np.nan) for rule in _patterns()}
        for row in np.flatnonzero(batch.has_text):
            rules = rules_at_head(batch.texts[row] or "") - rules_at_head(batch.sources[row])
            scores[self.name][row] = len(rules)
            for rule in rules:
                scores[f"{self.name}.{rule}"][row] = 1
        return {name: values for name, values in scores.items() if name == self.name or not np.isnan(values).all()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        keep: Flags = np.ones(len(scores[self.name]), np.bool_)
        for rule in _patterns() if self.settings.reject is None else self.settings.reject:
            keep &= np.isnan(scores.get(f"{self.name}.{rule}", np.full(len(keep), np.nan)))
        return keep


def rules_at_head(text: str) -> set[str]:
    """The names of the rules that find something in the comments before the first line of a program."""
    said = " ".join(head_of(text).lower().split())
    return {name for name, pattern in _patterns().items() if pattern.search(said)} if said else set()


def head_of(text: str) -> str:
    """The comments at the head of a program, without their marks; line breaks stay."""
    said: list[str] = []
    closing: str | None = None
    for written in text[:_HEAD].removeprefix("\ufeff").split("\n"):
        line = written if closing else _OPENS.sub("", written, count=1)
        if closing is None and (block := _BLOCK.match(line)) and _CLOSES[block["open"]] not in line[block.end() :]:
            closing = _CLOSES[block["open"]]
        elif closing is not None and closing in line:
            said.append(line.split(closing)[0].strip(" \t*"))
            closing = None
            continue
        if comment := _LINE.match(line):
            said.append(comment["said"].strip(" \t*/"))
        elif closing is not None:
            said.append(line.strip())
        elif line.strip():
            break
    return "\n".join(said)
