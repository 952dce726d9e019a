"""Verifiers by the names that recipes use: each says whether a candidate is right, given the problem's answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rephrase.verifiers.answers import final_answer, same_answer
from rephrase.verifiers.blocks import code
from rephrase.verifiers.commands import ask_command
from rephrase.verifiers.programs import ProgramError, plain, run_program
from rephrase.verifiers.sandbox import Limits, run_python

Kind = Literal["answer", "choice", "python", "program", "command"]

_LETTER = r"[A-J]"
_CHOICES = (
    re.compile(rf"\\boxed\s*\{{\s*(?:\\text\s*\{{)?\s*\(?({_LETTER})\b", re.IGNORECASE),
    re.compile(rf"(?:answer|option|choice)\s*(?:is|:)?\s*:?\s*\**\s*\(?({_LETTER})\)?(?![a-z'])", re.IGNORECASE),
    re.compile(rf"\(({_LETTER})\)"),
    re.compile(rf"^\s*\**({_LETTER})\**(?:[.):]|\s*$)", re.MULTILINE),
)
_REASON = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a candidate is right, what it answers, and why it is not right if so."""

    right: bool
    answer: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verifier:
    """One way to verify. `command` is the user's own, for kind `command`: it gets the candidate on stdin and says yes by exit code 0."""

    kind: Kind
    command: str = ""
    seconds: float = 10.0
    memory_mib: int = 512

    def extract(self, candidate: str) -> str | None:
        """What the candidate answers, for votes: None where it answers nothing."""
        if self.kind == "answer":
            return final_answer(candidate)
        if self.kind == "choice":
            return choice(candidate)
        if self.kind == "program":
            try:
                return plain(run_program(code(candidate)).value)
            except ProgramError:
                return None
        return candidate

    def same(self, first: str, second: str) -> bool:
        """Whether two answers are one."""
        return same_answer(first, second) if self.kind in ("answer", "program") else first == second

    def verify(self, candidate: str, expected: str) -> Verdict:
        """Check a candidate. `expected`: the right answer, a letter, the unit tests, or for `command` whatever it wants in $EXPECTED.

        Raises `UserError` where this machine has no sandbox for kind `python`.
        """
        if self.kind == "python":
            outcome = run_python(code(candidate), Limits(seconds=self.seconds, memory_mib=self.memory_mib), expected)
            return Verdict(outcome.passed, None, outcome.reason)
        if self.kind == "command":
            right, reason = ask_command(self.command, candidate, expected, self.seconds)
            return Verdict(right, None, reason)
        answer = self.extract(candidate)
        if answer is None:
            return Verdict(False, None, "no answer")
        gold = self.extract(expected) if self.kind != "program" else final_answer(expected)
        right = self.same(answer, gold or expected.strip())
        return Verdict(right, answer, "" if right else f"{answer} is not {(gold or expected).strip()}"[:_REASON])


def choice(text: str) -> str | None:
    """The letter that a text answers a multiple-choice question with: the last one that stands where an answer stands."""
    for pattern in _CHOICES:
        if letters := pattern.findall(text):
            return str(letters[-1]).upper()
    return None
