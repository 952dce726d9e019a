"""Examples of instructions, as Self-Instruct makes them: a task is told to be a classification or not, and then gets its instances."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Parsed, Prompt, Row, Step
from rephrase.recipes.prompts import fill
from rephrase.recipes.template import fields_of
from rephrase.text.tokenizer import Tokenizer

_PART = re.compile(r"^\s*(input|output)\s*:\s*", re.IGNORECASE | re.MULTILINE)
_MOST_INSTANCES = 5
NO_INPUT = ("", "none", "<noinput>", "n/a")


@dataclass(frozen=True)
class Kinds(Step):
    """Whether each instruction is a classification."""

    rounds: tuple[str, ...]
    sampling: Sampling
    prompt: str
    name = "kind"
    retries = 1

    @property
    def load(self) -> str:
        return "1 for each instruction"

    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for name in self.rounds:
            for made in row.good(name):
                values = {"instruction": fields_of(made)["instruction"]}
                yield Prompt.saying(fill(self.prompt, values), row.span, self.sampling, lineage=(made.id,), values=values)

    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        found = re.search(r"\b(yes|no)\b", completion.text.rpartition(":")[2].lower())
        if not found:
            return Parsed(error="parse:no_label")
        return Parsed(fields={**prompt.values, "classification": found.group(1) == "yes"})

    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields()}


@dataclass(frozen=True)
class Instances(Step):
    """Examples of each instruction, as training text."""

    sampling: Sampling
    output_first: str
    input_first: str
    name = "instances"
    fans_out = True

    @property
    def load(self) -> str:
        return "1 for each instruction"

    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for made in row.good("kind"):
            known = fields_of(made)
            words = fill(self.output_first if known["classification"] else self.input_first, {"instruction": known["instruction"]})
            yield Prompt.saying(words, row.span, self.sampling, lineage=(made.id,), values=known)

    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        found = instances(completion.text, output_first=prompt.values["classification"])
        if found and completion.finish_reason == "length":
            found.pop()  # the last one is cut
        kept = without_faults(found)
        return Parsed(fields={"instances": kept}) if kept else Parsed(error="parse:no_items")

    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        del row
        for answer in answers:
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
            instruction = answer.prompt.values["instruction"]
            for part, (given, output) in enumerate(answer.parsed.fields.get("instances", ())):
                yield Output(answer, trained({"instruction": instruction, "input": given, "output": output}), part)

    def describe(self) -> dict[str, Any]:
        return {"prompts": [self.output_first, self.input_first], "sampling": self.sampling.fields()}


def instances(text: str, *, output_first: bool) -> list[tuple[str, str]]:
    """Pairs of input and output of a completion, in order."""
    starts = list(_PART.finditer(text))
    parts = [
        (start.group(1).lower(), text[start.end() : end].strip())
        for start, end in zip(starts, [*(match.start() for match in starts[1:]), len(text)], strict=False)  # no starts, no ends
    ]
    first, second = ("output", "input") if output_first else ("input", "output")
    found = []
    for (kind, value), (following, other) in itertools.pairwise(parts):
        if (kind, following) == (first, second):
            found.append((other, value) if output_first else (value, other))
    return [("" if given.lower().strip(".") in NO_INPUT else given, output) for given, output in found]


def without_faults(found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Self-Instruct's rules: no input that is its output, no empty output, neither ends with a colon, at most five.

    None at all where one input has two outputs; without an input there may be several.
    """
    kept = list(dict.fromkeys((i, o) for i, o in found if i != o and o and not i.endswith(":") and not o.endswith(":")))
    inputs = [given for given, _ in kept if given]
    return kept[:_MOST_INSTANCES] if len(inputs) == len(set(inputs)) else []


def trained(task: Mapping[str, str]) -> Parsed:
    """A task with its parts one below the other, as training text."""
    parts = [task["instruction"], task["input"], task["output"]]
    return Parsed(text="\n\n".join(part for part in parts if part), fields=dict(task))
