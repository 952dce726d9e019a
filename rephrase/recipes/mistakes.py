"""Solutions with a mistake, its finding and its repair, both sides verified (see mistakes.yaml for the source)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, whole_text
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.reasoning import expected_of, verdicts_of
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import fields_of
from rephrase.recipes.verified import Verified
from rephrase.records import content_id
from rephrase.settings.faults import fault
from rephrase.settings.section import Section
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.blocks import code
from rephrase.verifiers.kinds import Verdict, Verifier

_SECTIONS = {"fields": ["mistake", "solution"]}


class Options(Section):
    """Options of `thinking/errors`. Documents are problems; what is expected of an answer stands in their metadata."""

    verifier: Literal["answer", "choice", "python"] = "answer"
    """What tells right from wrong, as in `verified/…`: a final answer, a letter, or unit tests."""
    expected: str = "answer"
    """Key of the metadata that holds the right answer, or the unit tests."""
    samples: int = Field(default=4, ge=1)
    """Wrong solutions that are tried for each problem."""
    planted: bool = True
    """Ask for a mistake, of a kind that is drawn; else ask for solutions, and take those that come out wrong."""
    keep: int | None = Field(default=1, ge=1)
    """At most so many repaired solutions of a problem; null: all."""
    seconds: float = Field(default=10.0, gt=0)
    """Time that the verifier has for a solution."""
    memory_mib: int = Field(default=512, ge=64)
    """Memory that it has, in MiB."""

    @model_validator(mode="after")
    def _limits_of_programs(self) -> Options:
        for name in ("seconds", "memory_mib"):
            if name in self.model_fields_set and self.verifier != "python":
                raise fault(f"`{name}` limits programs, and `verifier: {self.verifier}` runs none", "take it out", (name,))
        return self


@recipe("thinking/errors", Options, file="mistakes")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("mistakes")
    ending = texts["ending"][options.verifier]
    verifier = Verifier(options.verifier, "", options.seconds, options.memory_mib)
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.8, top_p=0.95))
    if options.planted:
        attempt, kinds = texts["planted"].strip().replace("{ending}", ending), texts["mistakes"]
    else:
        attempt, kinds = flow_prompts("reasoning")["solve"][options.verifier].strip(), []
    repair = texts["repair"].strip().replace("{ending}", ending)
    steps = (
        Attempts(attempt, base, tuple(kinds), verifier, options.expected, options.samples),
        Repairs(repair, base, texts["text"].strip(), verifier, options.expected, options.keep),
    )
    summary = "A solution that comes to a wrong answer, its mistake found, and the solution repaired: both answers verified."
    return Recipe("thinking/errors", Paper(**texts["paper"]), steps, summary)


@dataclass(frozen=True)
class Attempts(Verified):
    """Solutions of a problem of which the wrong ones go on; they prepare the step of repairs."""

    kinds: tuple[str, ...]  # of mistakes, of which each prompt draws one; none where no mistake is asked for
    verifier: Verifier
    expected: str
    tries: int
    name = "attempt"

    @property
    @override
    def load(self) -> str:
        return f"{self.tries} for each document"

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        return bounds.of_template(self.prompt, {"mistakes": list(self.kinds)}, {"mistake": "mistakes"})

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        expected_of(row, self.expected)
        kinds = random.Random(content_id(row.document.id, self.name)).sample(self.kinds, len(self.kinds))  # not a secret
        for number in range(self.tries):
            values = {"passage": row.document.text, "mistake": kinds[number % len(kinds)] if kinds else ""}
            yield Prompt.from_user(fill(self.prompt, values), row.span, self.sampling, key=str(number))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        texts = [answer.parsed.text or "" for answer in answers]
        verdicts = verdicts_of(self.verifier, texts, expected_of(row, self.expected))
        for answer, text, verdict in zip(answers, texts, verdicts, strict=True):
            yield Output(answer, answer.parsed if answer.parsed.error else self._outcome(text, verdict))

    def _outcome(self, text: str, verdict: Verdict) -> Parsed:
        if verdict.right:
            return Parsed(error="rejected:right", fields={"answer": verdict.answer})
        # What answers nothing is no wrong answer.
        answers = bool(code(text).strip()) if self.verifier.kind == "python" else verdict.answer is not None
        return Parsed(fields={"attempt": text, "wrong": verdict.answer}) if answers else Parsed(error="rejected:no_answer")

    @override
    def describe(self) -> dict[str, Any]:
        asked = {"prompt": self.prompt, "kinds": self.kinds, "tries": self.tries, "sampling": self.sampling.fields()}
        return {**asked, "verifier": _described(self.verifier), "expected": self.expected}


@dataclass(frozen=True)
class Repairs(Verified):
    """The mistake of each wrong solution, and a right one; those that a verifier passes are training text."""

    text: str
    verifier: Verifier
    expected: str
    keep: int | None
    name = "repair"
    per = "wrong solution"
    retries = 1

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("attempt"):
            fields = fields_of(generation)
            values = {"passage": row.document.text, "attempt": fields["attempt"]}
            prompt = fill(self.prompt, values)
            yield Prompt.from_user(prompt, row.span, self.sampling, generation.key, (generation.id,), {**values, "wrong": fields["wrong"]})

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        reply = whole_text(completion)
        return reply if reply.text is None else parser_of("sections", _SECTIONS, self.name)(reply.text, Context(tokenizer, prompt.values))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        solutions = [answer.parsed.fields.get("solution", "") for answer in answers]
        verdicts = verdicts_of(self.verifier, solutions, expected_of(row, self.expected))
        repaired = 0
        for answer, verdict in zip(answers, verdicts, strict=True):
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
                continue
            parsed = self._outcome(answer, verdict)
            if parsed.text is not None and self.keep is not None and repaired >= self.keep:
                parsed = Parsed(error="rejected:more_than_wanted", fields={"answer": verdict.answer})
            repaired += parsed.text is not None
            yield Output(answer, parsed)

    def _outcome(self, answer: Answer, verdict: Verdict) -> Parsed:
        wrong = answer.prompt.values["wrong"]
        if not verdict.right:
            return Parsed(error="rejected:wrong", fields={"answer": verdict.answer, "reason": verdict.reason})
        # In doubt a verifier calls an answer wrong: two that it cannot tell apart show no mistake.
        if wrong is not None and verdict.answer is not None and self.verifier.same(wrong, verdict.answer):
            return Parsed(error="rejected:right", fields={"answer": wrong})
        values = {**answer.prompt.values, **answer.parsed.fields}
        fields = {"problem": values["passage"], **{name: values[name] for name in ("attempt", "wrong", "mistake", "solution")}}
        return Parsed(text=fill(self.text, values), fields={**fields, "answer": verdict.answer})

    @override
    def describe(self) -> dict[str, Any]:
        asked = {"prompt": self.prompt, "text": self.text, "keep": self.keep, "sampling": self.sampling.fields()}
        return {**asked, "verifier": _described(self.verifier), "expected": self.expected}


def _described(verifier: Verifier) -> dict[str, Any]:
    return {name: getattr(verifier, name) for name in ("kind", "seconds", "memory_mib")}
