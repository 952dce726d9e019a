"""Reasoning that a verifier has checked: k candidates and those that are right, or what most of them say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import Field, field_validator
from typing_extensions import override

from rephrase.engines.base import Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.verified import Verified
from rephrase.settings.faults import fault
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.commands import split_command
from rephrase.verifiers.kinds import Kind, Verdict, Verifier

_CHECKED_AT_ONCE = 4  # sandboxes and commands; each may use a processor
_WHAT = {
    "answer": "a final number or expression",
    "choice": "a multiple-choice letter",
    "python": "unit tests",
    "program": "a program of assignments",
    "command": "a command of yours",
}


class Options(Section):
    """Options of the recipes `verified/…`. Documents are problems; what is expected of an answer stands in their metadata."""

    samples: int = Field(default=4, ge=1)
    """Candidates for each problem."""
    expected: str = "answer"
    """Key of the metadata that holds the right answer, or the unit tests."""
    keep: int | None = Field(default=None, ge=1)
    """At most so many right candidates of a problem; default: all that differ."""
    command: str = ""
    """For `verified/command`: gets the candidate on stdin and what is expected in $EXPECTED; exit code 0 says that it is right."""
    seconds: float = Field(default=10.0, gt=0)
    """Time that the verifier has for an answer."""
    memory_mib: int = Field(default=512, ge=64)
    """Memory that it has, in MiB."""


class CommandOptions(Options):
    """Options of `verified/command`, where a program of the user's verifies."""

    command: str = Field(min_length=1)

    @field_validator("command")
    @classmethod
    def _words(cls, command: str) -> str:
        try:
            split_command(command)
        except ValueError as error:
            raise fault(
                f"`command` of `verified/command`: {error}", "write it as for a shell: words with spaces in them in quotation marks"
            ) from error
        return command


class MajorityOptions(Section):
    """Options of `verified/majority`, which needs no answers to be known."""

    samples: int = Field(default=5, ge=2)
    """Candidates for each problem."""
    share: float = Field(default=0.5, ge=0, lt=1)
    """More than this share of the candidates must agree."""
    keep: int | None = Field(default=1, ge=1)
    """Of a problem's candidates that agree, at most."""


def _build_verified(options: Options, sampling: SamplingSection, kind: Kind) -> Recipe:
    texts = flow_prompts("reasoning")
    verifier = Verifier(kind, options.command, options.seconds, options.memory_mib)
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.8, top_p=0.95))
    step = Candidates(texts["solve"][kind].strip(), base, verifier, options.expected, options.samples, options.keep)
    return Recipe(
        f"verified/{kind}", Paper(**texts["papers"]["verified"]), (step,), f"Solutions of a problem that {_WHAT[kind]} shows to be right."
    )


for _kind in ("answer", "choice", "python"):
    recipe(f"verified/{_kind}", Options, file="reasoning")(partial(_build_verified, kind=_kind))
recipe("verified/command", CommandOptions, file="reasoning", command="your-verifier")(partial(_build_verified, kind="command"))


@recipe("verified/majority", MajorityOptions, file="reasoning")
def _build_majority(options: MajorityOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("reasoning")
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.8, top_p=0.95))
    step = Candidates(texts["solve"]["answer"].strip(), base, Verifier("answer"), None, options.samples, options.keep, options.share)
    return Recipe(
        "verified/majority", Paper(**texts["papers"]["majority"]), (step,), "Solutions of a problem on whose answer most candidates agree."
    )


@dataclass(frozen=True)
class Candidates(Verified):
    """k candidates for a problem; the right ones are training text, the others rejected rows."""

    verifier: Verifier
    expected: str | None  # None: what most candidates say
    samples: int = 4
    keep: int | None = None
    share: float = 0.5
    name = "solve"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        if self.expected is not None:
            expected_of(row, self.expected)
        text = fill(self.prompt, {"passage": row.document.text})
        yield Prompt.from_user(text, row.span, self.sampling)

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        texts = [answer.parsed.text or "" for answer in answers]
        right = self._vote(texts) if self.expected is None else self._check(texts, row.document.metadata[self.expected])
        solutions: list[str] = []
        for answer, text, (is_right, result, reason) in zip(answers, texts, right, strict=True):
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
            elif not is_right:
                yield Output(answer, Parsed(error="rejected:wrong", fields={"answer": result, "reason": reason}))
            elif text in solutions or (self.keep is not None and len(solutions) >= self.keep):
                yield Output(answer, Parsed(error="rejected:more_than_wanted", fields={"answer": result}))
            else:
                solutions.append(text)
                fields = {
                    "problem": row.document.text,
                    "solution": text,
                    "answer": result,
                    "right": sum(r for r, _, _ in right),
                    "of": len(texts),
                }
                yield Output(answer, Parsed(text=f"{row.document.text}\n\n{text}", fields=fields))

    def _check(self, texts: Sequence[str], expected: str) -> list[tuple[bool, str | None, str]]:
        return [(verdict.right, verdict.answer, verdict.reason) for verdict in verdicts_of(self.verifier, texts, expected)]

    def _vote(self, texts: Sequence[str]) -> list[tuple[bool, str | None, str]]:
        results = [self.verifier.extract(text) for text in texts]
        groups: list[list[int]] = []
        for number, result in enumerate(results):
            if result is None:
                continue
            nearest = next((group for group in groups if self.verifier.same(result, results[group[0]] or "")), None)
            if nearest is None:
                groups.append([number])
            else:
                nearest.append(number)
        largest = max(groups, key=len, default=[])
        winners = set(largest) if len(largest) > self.share * len(texts) else set()
        return [(number in winners, result, "" if number in winners else "no majority for it") for number, result in enumerate(results)]

    @override
    def describe(self) -> dict[str, Any]:
        verifier = {name: getattr(self.verifier, name) for name in ("kind", "command", "seconds", "memory_mib")}
        description = {"prompt": self.prompt, "sampling": self.sampling.fields(), "verifier": verifier, "expected": self.expected}
        return {**description, "keep": self.keep, "share": self.share}


def expected_of(row: Row, key: str) -> str:
    """What the metadata of a problem says is right. Raises `UserError` where they do not say."""
    expected = row.document.metadata.get(key)
    if not expected:
        raise UserError(
            f"the document has no `{key}` in its metadata, which says what is right",
            where=f"document {row.document.id}",
            cure="name the metadata key by the option `expected`, and keep that field by `input.fields.also`, in a preview by `--also`",
        )
    return expected


def verdicts_of(verifier: Verifier, texts: Sequence[str], expected: str) -> list[Verdict]:
    """The verdict on each candidate for one problem, in order."""
    with ThreadPoolExecutor(_CHECKED_AT_ONCE) as pool:
        return list(pool.map(lambda text: verifier.verify(text, expected), texts))
