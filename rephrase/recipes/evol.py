"""Evol-Instruct (WizardLM, arXiv 2304.12244): requests made harder or rarer, round by round, and what did not evolve eliminated."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Numbered, Paper, Parsed, Prompt, Recipe, Row, Step, whole_text
from rephrase.recipes.parsing.common import own_text
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.recipes.verdict_step import VerdictStep
from rephrase.records import content_id
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer

_GAINS = {"labels": ["not equal", "different", "equal"]}
_FEWEST_WORDS = 80  # of an answer that says "sorry"
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be but by for from had has have he her his i if in into is it its me my no not of on or our she so such that
        the their then there these they this to too was we were will with you your""",
    )
)


class Options(Section):
    """Options of the recipe `evol`. Documents are the requests to begin with."""

    rounds: int = Field(default=4, ge=1, le=10)
    """Times that a request is made harder or rarer."""
    breadth: float = Field(default=1 / 6, ge=0, le=1)
    """Chance of a rarer request instead of a harder one; one of six operations in the paper."""


@recipe("evol/instruct", Options, file="instruct")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("instruct")
    base = sampling.over(Sampling(max_tokens=2048, temperature=1.0, top_p=0.95))
    steps: list[Step] = []
    for number in range(options.rounds):
        steps += [
            Evolve(number, options, base, texts["evol"]),
            Gain(texts["evol"]["gain"].strip(), number, sampling=Sampling(max_tokens=64, temperature=0.0)),
            Respond(number, base),
        ]
    summary = "A request made harder or rarer in each of some rounds, with an answer, and what did not evolve eliminated."
    return Recipe("evol/instruct", Paper(**texts["papers"]["evol"]), tuple(steps), summary)


@dataclass(frozen=True)
class Evolve(Numbered):
    """One operation, drawn at random, on the last request of the line that was not eliminated."""

    number: int
    options: Options
    sampling: Sampling
    texts: dict[str, Any]
    kind = "evolve"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        before, lineage = _last(row, self.number)
        rng = random.Random(content_id(row.document.id, self.name))  # not a secret
        if rng.random() < self.options.breadth:
            method, text = "breadth", fill(self.texts["in_breadth"].strip(), {"instruction": before})
        else:
            place = rng.randrange(len(self.texts["depth"]))
            method = f"depth{place}"
            text = fill(self.texts["in_depth"].strip(), {"instruction": before, "method": self.texts["depth"][place]})
        values = {"before": before, "method": method}
        yield Prompt.from_user(text, row.span, self.sampling, method, lineage, values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        parsed = whole_text(completion, own_text)
        if parsed.text is None:
            return parsed
        text = parsed.text
        before = str(prompt.values["before"]).lower()
        if any(phrase in text.lower() and phrase not in before for phrase in self.texts["leaks"]):
            return Parsed(error="rejected:leak")
        return Parsed(fields={**prompt.values, "instruction": text})

    @override
    def describe(self) -> dict[str, Any]:
        return {"texts": self.texts, "sampling": self.sampling.fields(), "options": self.options.model_dump()}


@dataclass(frozen=True)
class Gain(VerdictStep, Numbered):
    """Whether a request differs from the one it was made of."""

    number: int
    kind = "gain"
    judges = True
    parser_settings = _GAINS

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good(f"evolve{self.number}"):
            fields = fields_of(generation)
            text = fill(self.prompt, {"before": fields["before"], "after": fields["instruction"]})
            values = {"instruction": fields["instruction"], "method": fields["method"]}
            yield self.asking(Prompt.from_user(text, row.span, self.sampling, generation.key, (generation.id,), values))

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        verdict = self.verdict_of(completion, tokenizer)
        if isinstance(verdict, Parsed):
            return verdict
        return Parsed(error="rejected:no_gain") if verdict == "equal" else Parsed(fields=dict(prompt.values))


@dataclass(frozen=True)
class Respond(Numbered):
    """The answer to a request; the two together are training text."""

    number: int
    sampling: Sampling
    kind = "answer"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good(f"gain{self.number}"):
            values = fields_of(generation)
            yield Prompt.from_user(values["instruction"], row.span, self.sampling, generation.key, (generation.id,), values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del tokenizer
        parsed = whole_text(completion)
        if parsed.text is None:
            return parsed
        if fault := fault_of(parsed.text):
            return Parsed(error=f"rejected:{fault}")
        fields = {**prompt.values, "output": parsed.text, "round": self.number}
        return Parsed(text=f"{prompt.values['instruction']}\n\n{parsed.text}", fields=fields)

    @override
    def describe(self) -> dict[str, Any]:
        return {"sampling": self.sampling.fields()}


def fault_of(answer: str) -> str | None:
    """The rule of elimination that an answer breaks: it excuses itself, or says nothing but stop words."""
    words = re.findall(r"[^\W_]+(?:'\w+)?", answer.lower())
    if "sorry" in words and len(words) < _FEWEST_WORDS:
        return "sorry"
    return None if set(words) - _STOP_WORDS else "empty"


def _last(row: Row, number: int) -> tuple[str, tuple[str, ...]]:
    """The latest request that was neither unparsed nor eliminated, in evolving or by its answer: the paper puts failures back."""
    for round_number in range(number - 1, -1, -1):
        answered_lineages = {tuple(generation.lineage) for generation in row.good(f"answer{round_number}")}
        for generation in row.good(f"gain{round_number}"):
            if (generation.id,) in answered_lineages:
                return fields_of(generation)["instruction"], (generation.id,)
    return row.document.text, ()
