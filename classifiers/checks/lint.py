"""How clean Python is, by ruff, on Pylint's scale of ten."""

from __future__ import annotations

import ast
import functools
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.checks.compiles import ProgramSettings
from classifiers.code import programs_of
from classifiers.optional import package
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.code.syntax import syntax_errors

_PYTHON = "Python"
_SECONDS = 300  # for all programs of a batch
_ERROR_WEIGHT = 5  # Pylint's
_COMMAND = ("check", "--isolated", "--no-cache", "--ignore-noqa", "--no-fix", "--exit-zero", "--quiet", "--output-format", "json-lines")


class _Rules(Section):
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    errors: tuple[str, ...]


@functools.cache
def _rules() -> _Rules:
    text = resources.files(__package__).joinpath("lint.yaml").read_text("utf-8")
    rules: _Rules = validate(_Rules, parse_yaml(text, "lint.yaml"), "lint.yaml")
    return rules


class LintSettings(ProgramSettings):
    """The least score, and where programs stand."""

    min: float | None = Field(default=7.0)
    """Of ten, for each program of a text. SwallowCode's (arXiv 2505.02881), by Pylint."""


@checks.register("lint")
@dataclass(frozen=True, slots=True)
class Lint(Check):
    """Rejects Python that ruff finds much to say of. Score: `lint`, of ten, the lowest of a text's programs.

    The scale is Pylint's: 10 - 10 * (5 * errors + others) / statements, at least 0; what does not compile has 0. The rules are in
    lint.yaml, fewer than Pylint's own. Comments that silence rules are not heeded. Other languages, programs that are too long and those on
    which ruff fails have no score; `lint.other_language`, `lint.too_long` or `lint.failed` tells so. Raises `UserError` where ruff is not
    installed.
    """

    name: str
    settings: LintSettings
    Settings = LintSettings
    scored_by = ("language", "fenced", "max_characters")
    packages = MappingProxyType({"ruff": "code"})

    def __post_init__(self) -> None:
        package("ruff", self.name)

    @override
    def identity(self) -> dict[str, Any]:
        return {"ruff": metadata.version("ruff")}

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        scores: dict[str, Scores] = {self.name: np.full(len(batch), np.nan)}

        def add(row: int, name: str, value: float) -> None:
            scores.setdefault(name, np.full(len(batch), np.nan))[row] = value

        good: list[tuple[int, str]] = []
        for row in np.flatnonzero(batch.has_text):
            for program in programs_of(batch, row, self.settings.language, fenced=self.settings.fenced):
                if program.language != _PYTHON:
                    add(row, f"{self.name}.other_language", 1)
                elif len(program.text) > self.settings.max_characters:
                    add(row, f"{self.name}.too_long", 1)
                elif syntax_errors(program.text, _PYTHON) != 0:
                    add(row, self.name, 0)
                else:
                    good.append((row, program.text))
        for (row, _), value in zip(good, scores_of([text for _, text in good]), strict=True):
            if value is None:
                add(row, f"{self.name}.failed", 1)
            else:
                add(row, self.name, np.nanmin([scores[self.name][row], value]))
        return scores

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        return within(scores[self.name], self.settings.min, None)


def scores_of(programs: Sequence[str]) -> list[float | None]:
    """The score of each program, which must compile; None where ruff fails on it."""
    if not programs:
        return []
    found = _violations(programs)
    if found is None:
        return [None] if len(programs) == 1 else [score for program in programs for score in scores_of([program])]
    return [_score(program, codes) for program, codes in zip(programs, found, strict=True)]


def _score(program: str, codes: Counter[str]) -> float | None:
    try:
        tree = ast.parse(program.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a stack that is deep already holds less than a new process
        return None
    errors = sum(count for code, count in codes.items() if code.startswith(_rules().errors))
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    return max(0.0, 10 - 10 * (codes.total() + (_ERROR_WEIGHT - 1) * errors) / max(statements, 1))


def _violations(programs: Sequence[str]) -> list[Counter[str]] | None:
    """How often each rule is broken, by program; None where ruff does not come to an end."""
    found: list[Counter[str]] = [Counter() for _ in programs]
    with tempfile.TemporaryDirectory() as folder:
        for number, program in enumerate(programs):
            Path(folder, f"p{number}.py").write_text(program, "utf-8", "replace", newline="")
        rules = ("--select", ",".join(_rules().select), "--ignore", ",".join(_rules().ignore))
        command = [package("ruff", "lint").find_ruff_bin(), *_COMMAND, *rules, folder]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)  # noqa: S603  # ruff's own path
        except subprocess.TimeoutExpired:
            return None
    if done.returncode:
        return None
    for line in done.stdout.splitlines():
        violation = orjson.loads(line)
        found[int(Path(violation["filename"]).stem[1:])][violation["code"] or "E999"] += 1
    return found
