"""Reasoning that a verifier has checked: k candidates and those that are right, votes, and TinyGSM's programs told as conversations."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Literal

from pydantic import Field

from rephrase.config import Section
from rephrase.engines.base import Completion, Message, Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, Step
from rephrase.recipes.family import Flows, SamplingSection
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.template import TRUNCATED, fields_of
from rephrase.records import Document, content_id, unit_interval
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.answers import final_answer, same_answer
from rephrase.verifiers.kinds import Kind, Verifier, code
from rephrase.verifiers.programs import ProgramError, plain, run_program

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
    memory_mib: int = Field(default=512, ge=64)


class MajorityOptions(Section):
    """Options of `verified/majority`, which needs no answers to be known."""

    samples: int = Field(default=5, ge=2)
    share: float = Field(default=0.5, ge=0, lt=1)
    """More than this share of the candidates must agree."""
    keep: int | None = Field(default=1, ge=1)


class ProgramOptions(Section):
    """Options of `tinygsm/mind`."""

    samples: int = Field(default=1, ge=1)
    expected: str = "answer"
    """Key of the metadata that holds the right answer. Where a problem has none, every program that runs is kept."""
    styles: list[Literal["two_students", "problem_solving"]] = ["two_students", "problem_solving"]
    mistakes: float = Field(default=0.1, ge=0, le=1)
    """Share of conversations in which an error is made and corrected; ours."""


def _build_verified(options: Options, sampling: SamplingSection, kind: Kind) -> Recipe:
    if kind == "command" and not options.command:
        raise UserError("the option `command` is missing", where="recipe `verified/command`", cure="name the program that verifies")
    texts = flow_prompts("reasoning")
    verifier = Verifier(kind, options.command, options.seconds, options.memory_mib)
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.8, top_p=0.95))
    step = Candidates(texts["solve"][kind].strip(), base, verifier, options.expected, options.samples, options.keep)
    return Recipe(
        f"verified/{kind}", Paper(**texts["papers"]["verified"]), (step,), f"Solutions of a problem that {_WHAT[kind]} shows to be right."
    )


def _build_majority(options: MajorityOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("reasoning")
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.8, top_p=0.95))
    step = Candidates(texts["solve"]["answer"].strip(), base, Verifier("answer"), None, options.samples, options.keep, options.share)
    return Recipe(
        "verified/majority", Paper(**texts["papers"]["majority"]), (step,), "Solutions of a problem on whose answer most candidates agree."
    )


def _build_tinygsm(options: ProgramOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("reasoning")
    programs = Programs(texts["solve"]["program"].strip(), Sampling(max_tokens=1024, temperature=0.8, top_p=0.95), options)
    base = sampling.over(Sampling(max_tokens=1536, temperature=1.0, top_p=0.9))
    talks = Conversations(
        {style: texts["conversation"][style].strip() for style in options.styles}, texts["mistake"].rstrip(), base, options
    )
    summary = "A problem as a program of assignments, run and checked, told as a conversation."
    return Recipe("tinygsm/mind", Paper(**texts["papers"]["tinygsm"]), (programs, talks), summary)


@dataclass(frozen=True)
class Candidates(Step):
    """k candidates for a problem; the right ones are training text, the others rejected rows."""

    prompt: str
    sampling: Sampling
    verifier: Verifier
    expected: str | None  # None: what most candidates say
    samples: int = 4
    keep: int | None = None
    share: float = 0.5
    name = "solve"

    @property
    def load(self) -> str:
        return f"{self.samples} for each document"

    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        if self.expected is not None and not row.document.metadata.get(self.expected):
            raise UserError(
                f"the document has no `{self.expected}` in its metadata, which says what is right",
                where=f"document {row.document.id}",
                cure="name the metadata key by the option `expected`, and keep that field by `input.fields.also`, in a preview by `--also`",
            )
        words = fill(self.prompt, {"passage": row.document.text})
        yield Prompt((Message("user", words),), (0, len(row.document.text)), self.sampling)

    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        text = completion.text.strip()
        return Parsed(text=text) if text else Parsed(error="parse:empty")

    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        texts = [answer.parsed.text or "" for answer in answers]
        right = self._vote(texts) if self.expected is None else self._check(texts, row.document.metadata[self.expected])
        kept: list[str] = []
        for answer, text, (is_right, said, reason) in zip(answers, texts, right, strict=True):
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
            elif not is_right:
                yield Output(answer, Parsed(error="rejected:wrong", fields={"answer": said, "reason": reason}))
            elif text in kept or (self.keep is not None and len(kept) >= self.keep):
                yield Output(answer, Parsed(error="rejected:more_than_wanted", fields={"answer": said}))
            else:
                kept.append(text)
                fields = {
                    "problem": row.document.text,
                    "solution": text,
                    "answer": said,
                    "right": sum(r for r, _, _ in right),
                    "of": len(texts),
                }
                yield Output(answer, Parsed(text=f"{row.document.text}\n\n{text}", fields=fields))

    def _check(self, texts: Sequence[str], expected: str) -> list[tuple[bool, str | None, str]]:
        with ThreadPoolExecutor(_CHECKED_AT_ONCE) as pool:
            verdicts = list(pool.map(lambda text: self.verifier.verify(text, expected), texts))
        return [(verdict.right, verdict.answer, verdict.reason) for verdict in verdicts]

    def _vote(self, texts: Sequence[str]) -> list[tuple[bool, str | None, str]]:
        said = [self.verifier.extract(text) for text in texts]
        groups: list[list[int]] = []
        for number, answer in enumerate(said):
            if answer is None:
                continue
            home = next((group for group in groups if self.verifier.same(answer, said[group[0]] or "")), None)
            if home is None:
                groups.append([number])
            else:
                home.append(number)
        largest = max(groups, key=len, default=[])
        won = set(largest) if len(largest) > self.share * len(texts) else set()
        return [(number in won, answer, "" if number in won else "no majority for it") for number, answer in enumerate(said)]

    def describe(self) -> dict[str, Any]:
        verifier = {name: getattr(self.verifier, name) for name in ("kind", "command", "seconds", "memory_mib")}
        said = {"prompt": self.prompt, "sampling": self.sampling.fields(), "verifier": verifier, "expected": self.expected}
        return {**said, "keep": self.keep, "share": self.share}


@dataclass(frozen=True)
class Programs(Step):
    """A problem as a program of assignments, which is run by an interpreter of our own."""

    prompt: str
    sampling: Sampling
    options: ProgramOptions
    name = "program"

    @property
    def samples(self) -> int:  # type: ignore[override]  # a constant in most steps, an option here
        """Programs for each problem."""
        return self.options.samples

    @property
    def load(self) -> str:
        return f"{self.samples} for each document"

    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        words = fill(self.prompt, {"passage": row.document.text})
        values = {"expected": row.document.metadata.get(self.options.expected, "")}
        yield Prompt((Message("user", words),), (0, len(row.document.text)), self.sampling, values=values)

    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        try:
            done = run_program(code(completion.text))
        except ProgramError as error:
            return Parsed(error=f"parse:program:{error}")
        value = plain(done.value)
        expected = prompt.values["expected"]
        if expected and not same_answer(value, final_answer(expected) or expected):
            return Parsed(error="rejected:wrong", fields={"answer": value})
        steps = [[name, expression, plain(result)] for name, expression, result in done.lines]
        return Parsed(fields={"program": done.annotated, "value": value, "steps": steps})

    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), "expected": self.options.expected}


@dataclass(frozen=True)
class Conversations(Step):
    """The annotated program told as conversations, some of them with an error that is found and mended."""

    prompts_of_styles: dict[str, str]
    mistake: str
    sampling: Sampling
    options: ProgramOptions
    name = "conversation"

    @property
    def load(self) -> str:
        return f"{len(self.prompts_of_styles)} for each program that is right"

    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for made in row.earlier["program"]:
            if made.error:
                continue
            known = fields_of(made)
            for style, template in self.prompts_of_styles.items():
                words = {"passage": row.document.text, "program": known["program"], "value": known["value"]}
                words["mistake"] = self._mistake(row.document, known["steps"], f"{made.id} {style}")
                values = {"value": known["value"], "mistake": bool(words["mistake"])}
                turn = Message("user", fill(template, words))
                yield Prompt((turn,), (0, len(row.document.text)), self.sampling, style, lineage=(made.id,), values=values)

    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        parsed = parser_of("dialogue", {}, self.name)(completion.text, Context(tokenizer))
        if parsed.text is None:
            return parsed
        if not _says(parsed.text, prompt.values["value"]):
            return Parsed(error="rejected:wrong")  # the conversation does not come to the result
        return Parsed(text=parsed.text, fields=dict(prompt.values))

    def describe(self) -> dict[str, Any]:
        return {
            "prompts": self.prompts_of_styles,
            "mistake": self.mistake,
            "sampling": self.sampling.fields(),
            "mistakes": self.options.mistakes,
        }

    def _mistake(self, document: Document, steps: Sequence[Sequence[str]], seed: str) -> str:
        if unit_interval(document.id, seed, "mistake") >= self.options.mistakes:
            return ""
        drawn = random.Random(content_id(document.id, seed))  # not a secret
        candidates = [(name, wrong, right) for name, expression, right in steps for wrong in _wrong(expression, right, steps)]
        if not candidates:
            return ""
        name, wrong, right = drawn.choice(candidates)
        return fill(self.mistake, {"name": name.replace("_", " "), "wrong": wrong, "right": right})


def _wrong(expression: str, right: str, steps: Sequence[Sequence[str]]) -> Iterator[str]:
    """What the expression gives with one sign mistaken for another, as learners do."""
    known = "\n".join(f"{name} = {before}" for name, before, _ in steps)
    for sign, other in (("+", "-"), ("-", "+"), ("*", "+"), ("/", "*")):
        changed = expression.replace(f" {sign} ", f" {other} ", 1)
        if changed == expression:
            continue
        try:
            value = plain(run_program(f"{known}\nreturn {changed}").value)
        except ProgramError:
            continue
        if value != right:
            yield value


def _says(text: str, value: str) -> bool:
    """Whether a text states the value as a number of its own; a fraction may be rounded."""
    top, _, bottom = value.partition("/")
    forms = [value, *([f"{float(Fraction(int(top), int(bottom))):.2f}"] if bottom else [])]
    plain_text = text.replace(",", "")
    return any(re.search(rf"(?<![\d.]){re.escape(form)}(?!\d|\.\d)", plain_text) for form in forms)


FLOWS: Flows = {
    **{f"verified/{kind}": (Options, partial(_build_verified, kind=kind)) for kind in ("answer", "choice", "python", "command")},
    "verified/majority": (MajorityOptions, _build_majority),
    "tinygsm/mind": (ProgramOptions, _build_tinygsm),
}
