"""TinyGSM-MIND (OLMo 2, arXiv 2501.00656): a problem as a program of assignments, run and checked, told as conversations."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Paper, Parsed, Prompt, Recipe, Row, Step, whole_text
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.records import Document, content_id, unit_interval
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.answers import gold_answer, same_answer
from rephrase.verifiers.blocks import code
from rephrase.verifiers.programs import ProgramError, plain, run_program


class Options(Section):
    """Options of `tinygsm/mind`."""

    samples: int = Field(default=1, ge=1)
    """Programs for each problem."""
    expected: str = "answer"
    """Key of the metadata that holds the right answer. Where a problem has none, every program that runs is kept."""
    styles: list[Literal["two_students", "problem_solving"]] = Field(default=["two_students", "problem_solving"], min_length=1)
    """A conversation of each is made of a right program."""
    mistakes: float = Field(default=0.1, ge=0, le=1)
    """Share of conversations in which an error is made and corrected; ours."""


@recipe("tinygsm/mind", Options, file="reasoning")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options. `sampling` is that of the conversations; programs have the one of the paper's code."""
    texts = flow_prompts("reasoning")
    programs = Programs(texts["solve"]["program"].strip(), Sampling(max_tokens=1024, temperature=0.8, top_p=0.95), options)
    base = sampling.over(Sampling(max_tokens=1536, temperature=1.0, top_p=0.9))
    talks = Conversations(
        {style: texts["conversation"][style].strip() for style in options.styles}, texts["mistake"].rstrip(), base, options
    )
    summary = "A problem as a program of assignments, run and checked, told as a conversation."
    return Recipe("tinygsm/mind", Paper(**texts["papers"]["tinygsm"]), (programs, talks), summary)


@dataclass(frozen=True)
class Programs(Step):
    """A problem as a program of assignments, which is run by an interpreter of our own."""

    prompt: str
    sampling: Sampling
    options: Options
    name = "program"

    @property
    @override
    def samples(self) -> int:  # type: ignore[override]  # a constant in most steps, an option here
        """Programs for each problem."""
        return self.options.samples

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        text = fill(self.prompt, {"passage": row.document.text})
        values = {"expected": row.document.metadata.get(self.options.expected, "")}
        yield Prompt.from_user(text, row.span, self.sampling, values=values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        parsed = whole_text(completion)
        if parsed.text is None:
            return parsed
        try:
            result = run_program(code(parsed.text))
        except ProgramError as error:
            return Parsed(error=f"parse:program:{error}")
        value = plain(result.value)
        expected = prompt.values["expected"]
        if expected and not same_answer(value, gold_answer(expected)):
            return Parsed(error="rejected:wrong", fields={"answer": value})
        steps = [[name, expression, plain(amount)] for name, expression, amount in result.lines]
        return Parsed(fields={"program": result.annotated, "value": value, "steps": steps})

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), "expected": self.options.expected}


@dataclass(frozen=True)
class Conversations(Step):
    """The annotated program told as conversations, some of them with an error that is found and mended."""

    prompts_of_styles: dict[str, str]
    mistake: str
    sampling: Sampling
    options: Options
    name = "conversation"

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """A conversation in each style."""
        return len(self.prompts_of_styles)

    @property
    @override
    def load(self) -> str:
        return f"{len(self.prompts_of_styles)} for each program that is right"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("program"):
            fields = fields_of(generation)
            for style, template in self.prompts_of_styles.items():
                values = {"passage": row.document.text, "program": fields["program"], "value": fields["value"]}
                values["mistake"] = self._mistake(row.document, fields["steps"], f"{generation.id} {style}")
                carried = {"value": fields["value"], "mistake": bool(values["mistake"])}
                yield Prompt.from_user(fill(template, values), row.span, self.sampling, style, (generation.id,), carried)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        reply = whole_text(completion)
        if reply.text is None:
            return reply
        parsed = parser_of("dialogue", {}, self.name)(reply.text, Context(tokenizer))
        if parsed.text is None:
            return parsed
        if not _says(parsed.text, prompt.values["value"]):
            return Parsed(error="rejected:wrong")  # the conversation does not come to the result
        return Parsed(text=parsed.text, fields=dict(prompt.values))

    @override
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
        rng = random.Random(content_id(document.id, seed))  # not a secret
        candidates = [(name, wrong, right) for name, expression, right in steps for wrong in _wrong(expression, right, steps)]
        if not candidates:
            return ""
        name, wrong, right = rng.choice(candidates)
        return fill(self.mistake, {"name": name.replace("_", " "), "wrong": wrong, "right": right})


def _wrong(expression: str, right: str, steps: Sequence[Sequence[str]]) -> Iterator[str]:
    """What the expression gives with one sign mistaken for another, as learners do."""
    program = "\n".join(f"{name} = {before}" for name, before, _ in steps)
    for sign, replacement in (("+", "-"), ("-", "+"), ("*", "+"), ("/", "*")):
        changed = expression.replace(f" {sign} ", f" {replacement} ", 1)
        if changed == expression:
            continue
        try:
            value = plain(run_program(f"{program}\nreturn {changed}").value)
        except ProgramError:
            continue
        if value != right:
            yield value


def _says(text: str, value: str) -> bool:
    """Whether a text states the value as a number of its own; a fraction may be rounded."""
    forms = [value]
    if "/" in value:
        hundredths = round(abs(Fraction(value)) * 100)
        forms.append(f"{'-' if value.startswith('-') else ''}{hundredths // 100}.{hundredths % 100:02}")
    plain_text = text.replace(",", "")
    return any(re.search(rf"(?<![\d.]){re.escape(form)}(?!\d|\.\d)", plain_text) for form in forms)
