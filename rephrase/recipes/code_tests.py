"""Tests for functions of code files, kept where the function passes them and its mutants do not (sources: tested_code.yaml)."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.recipes.base import TRUNCATED, Answer, Output, Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.parsers import parser_of
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sandboxed import Sandboxed, SandboxOptions
from rephrase.recipes.sections import SamplingSection
from rephrase.records import Document, content_id
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.functions import Function, functions_of
from rephrase.verifiers.mutants import UNTESTED, Mutant, mutants_of, without_results
from rephrase.verifiers.scopes import NotPythonError

_FEWEST_MUTANTS = 2  # of a function whose tests can be judged


class Options(SandboxOptions):
    """Options of `code/tests`. Documents are Python files."""

    functions: int = Field(default=3, ge=1)
    """At most so many functions of a file, drawn at random from those that need nothing but the standard library."""
    mutants: int = Field(default=8, ge=_FEWEST_MUTANTS)
    """At most so many mutants of a function are tried."""
    killed: float = Field(default=0.75, gt=0, le=1)
    """The share of them that must fail the tests. Some mutants do the same as the function, and can fail none."""
    most_characters: int = Field(default=6000, ge=100)
    """Of a function and what it needs; longer ones are left out."""


@recipe("code/tests", Options, file="tested_code")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options."""
    texts = flow_prompts("tested_code")
    step = Tests(texts["tests"].strip(), sampling.over(Sampling(max_tokens=2048, temperature=0.7, top_p=0.95)), options)
    summary = "Tests for functions of a Python file, which these pass and their mutants fail, in a sandbox."
    return Recipe("code/tests", Paper(**texts["papers"]["tests"]), (step,), summary)


@dataclass(frozen=True)
class Tests(Sandboxed):
    """Tests for each of some functions. Those that hold are training text, behind the function; others are rejected with the reason."""

    options: Options
    name = "tests"

    @property
    @override
    def load(self) -> str:
        return f"{self.samples} for each of at most {self.options.functions} functions of a document"

    @override
    def longest_prompt(self, bounds: Bounds) -> int | None:
        return None  # a function comes with all that it needs of its file

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for function in self._functions(row.document):
            values = {"function": function.name, "program": function.program}
            yield Prompt.from_user(fill(self.prompt, values), function.span, self.sampling, function.name, values=values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        if completion.finish_reason == "length":
            return Parsed(error=TRUNCATED)
        return parser_of("code", {}, self.name)(completion.text, Context(tokenizer, {"passage": prompt.values["program"]}))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        parsed = [answer for answer in answers if answer.parsed.text is not None]
        passed = dict(zip(map(id, parsed), self.options.run([self._pair(answer) for answer in parsed]), strict=True))
        for answer in answers:
            outcome = passed.get(id(answer))
            if outcome is None:
                yield Output(answer, answer.parsed)
            elif not outcome.passed:
                yield Output(answer, Parsed(error="rejected:wrong", fields={**self._fields(answer), "reason": outcome.reason}))
            else:
                yield Output(answer, self._judged(row.document, answer))

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), "options": self.options.model_dump()}

    def _functions(self, document: Document) -> list[Function]:
        """Some functions whose tests can be judged, in their order."""
        functions = list(functions_of(document.text, self.options.most_characters))
        drawn = random.Random(content_id(document.id, self.name)).sample(functions, len(functions))  # not a secret
        chosen: list[Function] = []
        for function in drawn:
            if len(chosen) == self.options.functions:
                break
            with contextlib.suppress(NotPythonError):
                if len(mutants_of(function.program, function.name, _FEWEST_MUTANTS, document.id)) == _FEWEST_MUTANTS:
                    chosen.append(function)
        return sorted(chosen, key=lambda function: function.span)

    def _judged(self, document: Document, answer: Answer) -> Parsed:
        """The tests of an answer, as the mutants show them. The function passes them."""
        try:
            empty = without_results(answer.prompt.values["program"], {answer.prompt.values["function"]})
            mutants = self._mutants(document, answer.prompt)
        except NotPythonError as error:  # it nests nearly too deep
            return Parsed(error="rejected:weak_tests", fields={**self._fields(answer), "reason": f"no mutants: {error}"})
        if empty is not None and self.options.run([(empty, answer.parsed.text or "")])[0].passed:
            return Parsed(error="rejected:weak_tests", fields={**self._fields(answer), "reason": UNTESTED})
        outcomes = self.options.run([(mutant.program, answer.parsed.text or "") for mutant in mutants])
        survivors = [mutant.kind for mutant, outcome in zip(mutants, outcomes, strict=True) if outcome.passed]
        killed = len(mutants) - len(survivors)
        fields = {**self._fields(answer), "mutants": len(mutants), "killed": killed}
        if killed < self.options.killed * len(mutants):
            return Parsed(error="rejected:weak_tests", fields={**fields, "reason": f"mutants pass: {', '.join(sorted(survivors))}"})
        return Parsed(text=f"{answer.prompt.values['program']}\n\n{answer.parsed.text}", fields=fields)

    def _mutants(self, document: Document, prompt: Prompt) -> list[Mutant]:
        return mutants_of(prompt.values["program"], prompt.values["function"], self.options.mutants, document.id)

    def _fields(self, answer: Answer) -> dict[str, Any]:
        return {**answer.prompt.values, "tests": answer.parsed.text}

    def _pair(self, answer: Answer) -> tuple[str, str]:
        return answer.prompt.values["program"], answer.parsed.text or ""
