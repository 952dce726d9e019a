"""Examples of instructions, as Self-Instruct makes them: each task is classified, and then gets its instances."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Row, Step
from rephrase.recipes.prompts import fill
from rephrase.recipes.template import fields_of
from rephrase.recipes.verdict_step import VerdictStep
from rephrase.text.labels import Labels, sections_of
from rephrase.text.tokenizer import Tokenizer

_PARTS = Labels(("input", "output"))
_MOST_INSTANCES = 5
TASKS_OF_A_PROMPT = 8  # of Self-Instruct's rounds, as many as they show
NO_INPUT = ("", "none", "<noinput>", "n/a")


@dataclass(frozen=True)
class Kinds(VerdictStep):
    """Whether each instruction is a classification."""

    rounds: tuple[str, ...]
    name = "kind"
    per = "instruction"
    judges = True
    retries: int = field(default=1, kw_only=True)

    @property
    @override
    def per_result(self) -> float:  # type: ignore[override]  # a constant in most steps
        """The instructions that each prompt of all rounds asks for."""
        return TASKS_OF_A_PROMPT * len(self.rounds)

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for name in self.rounds:
            for generation in row.good(name):
                values = {"instruction": fields_of(generation)["instruction"]}
                text = fill(self.prompt, values)
                yield self.asking(Prompt.from_user(text, row.span, self.sampling, lineage=(generation.id,), values=values))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        verdict = self.verdict_of(completion, tokenizer)
        if isinstance(verdict, Parsed):
            return verdict
        return Parsed(fields={**prompt.values, "classification": verdict == "yes"})


@dataclass(frozen=True)
class Instances(Step):
    """Examples of each instruction, as training text."""

    sampling: Sampling
    output_first: str
    input_first: str
    name = "instances"
    per = "instruction"
    fans_out = True

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("kind"):
            fields = fields_of(generation)
            text = fill(self.output_first if fields["classification"] else self.input_first, {"instruction": fields["instruction"]})
            yield Prompt.from_user(text, row.span, self.sampling, lineage=(generation.id,), values=fields)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        pairs = instances(completion.text, output_first=prompt.values["classification"])
        if pairs and completion.finish_reason == "length":
            pairs.pop()  # the last one is cut
        valid_pairs = without_faults(pairs)
        return Parsed(fields={"instances": valid_pairs}) if valid_pairs else Parsed(error="parse:no_items")

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        del row
        for answer in answers:
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
            instruction = answer.prompt.values["instruction"]
            for part, (input_text, output) in enumerate(answer.parsed.fields.get("instances", ())):
                yield Output(answer, as_training_text({"instruction": instruction, "input": input_text, "output": output}), part)

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompts": [self.output_first, self.input_first], "sampling": self.sampling.fields()}

    @override
    def shown(self) -> dict[str, Any]:
        return {"prompt of a classification": self.output_first, "prompt of another task": self.input_first}


def instances(text: str, *, output_first: bool) -> list[tuple[str, str]]:
    """Pairs of input and output of a completion, in order."""
    parts = sections_of(text, _PARTS)
    first, second = ("output", "input") if output_first else ("input", "output")
    pairs = []
    for (kind, value), (next_kind, next_value) in itertools.pairwise(parts):
        if (kind, next_kind) == (first, second):
            pairs.append((next_value, value) if output_first else (value, next_value))
    return [("" if input_text.lower().strip(".") in NO_INPUT else input_text, output) for input_text, output in pairs]


def without_faults(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Self-Instruct's rules: no input that is its output, no empty output, neither ends with a colon, at most five.

    None at all where one input has two outputs; without an input there may be several.
    """
    valid_pairs = list(dict.fromkeys((i, o) for i, o in pairs if i != o and o and not i.endswith(":") and not o.endswith(":")))
    inputs = [input_text for input_text, _ in valid_pairs if input_text]
    return valid_pairs[:_MOST_INSTANCES] if len(inputs) == len(set(inputs)) else []


def as_training_text(task: Mapping[str, str]) -> Parsed:
    """A task with its parts one below the other, as training text."""
    parts = [task["instruction"], task["input"], task["output"]]
    return Parsed(text="\n\n".join(part for part in parts if part), fields=dict(task))
