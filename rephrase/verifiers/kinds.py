"""Verifiers by the names that recipes use: each says whether a candidate is right, given the problem's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rephrase.verifiers.answers import final_answer, gold_answer, same_answer
from rephrase.verifiers.blocks import code
from rephrase.verifiers.choices import choice, gold_choice
from rephrase.verifiers.commands import ask_command
from rephrase.verifiers.programs import ProgramError, plain, run_program
from rephrase.verifiers.sandbox import Limits, run_python

Kind = Literal["answer", "choice", "python", "program", "command"]

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

        Nothing is right that is empty, and nothing where nothing is expected, unless a command knows. Raises `UserError` where this machine
        has no sandbox for kind `python`.
        """
        if not candidate.strip():
            return Verdict(False, None, "no answer")
        if not expected.strip() and self.kind != "command":
            return Verdict(False, None, "nothing is expected")
        if self.kind == "python":
            outcome = run_python(code(candidate), Limits(seconds=self.seconds, memory_mib=self.memory_mib), expected)
            return Verdict(outcome.passed, None, outcome.reason)
        if self.kind == "command":
            right, reason = ask_command(self.command, candidate, expected, self.seconds)
            return Verdict(right, None, reason)
        answer = self.extract(candidate)
        if answer is None:
            return Verdict(False, None, "no answer")
        gold = (gold_choice(expected) if self.kind == "choice" else gold_answer(expected)) or expected.strip()
        right = self.same(answer, gold)
        return Verdict(right, answer, "" if right else f"{answer} is not {gold}"[:_REASON])
