"""Programming problems drawn from a list of concepts, with solutions that pass the tests written for them (sources: tested_code.yaml)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling
from rephrase.errors import UserError
from rephrase.recipes.base import TRUNCATED, Answer, Output, Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.list_rows import ListRows, read_list
from rephrase.recipes.parsing.programs import solution_and_tests
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sandboxed import Sandboxed, SandboxOptions
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.template import TemplateStep, fields_of
from rephrase.settings.paths import ListFile
from rephrase.text.tokenizer import Tokenizer
from rephrase.verifiers.mutants import UNTESTED, without_results
from rephrase.verifiers.scopes import NotPythonError

_FEWEST_CONCEPTS = 2  # that a problem gets


class Options(SandboxOptions):
    """Options of `code/concepts`. No documents are needed."""

    concepts: list[str] | ListFile = "lists/concepts.txt"
    """What problems are about: each gets two of them."""
    count: int = Field(default=4000, ge=1)
    """Problems."""


@recipe("code/concepts", Options, file="tested_code")
def build(options: Options, sampling: SamplingSection) -> Recipe:
    """The recipe with these options. `sampling` is that of the solutions too."""
    texts = flow_prompts("tested_code")
    name = "code/concepts"
    concepts = tuple(read_list(options.concepts) if isinstance(options.concepts, str) else options.concepts)
    if len(concepts) < _FEWEST_CONCEPTS:
        where = options.concepts if isinstance(options.concepts, str) else f"recipe `{name}`, option `concepts`"
        raise UserError(f"of concepts there are {len(concepts)}, and each problem gets two", where=where, cure="give two or more")
    levels = tuple(texts["levels"])
    rows = ListRows(
        name, "{concept}; {other}; {level}", options.count, choose=(("concept", concepts), ("other", concepts), ("level", levels))
    )
    problem = TemplateStep(
        texts["concepts"]["problem"].strip(),
        sampling.over(Sampling(max_tokens=1024, temperature=1.0, top_p=0.95)),
        name="problem",
        parser="sections",
        parser_settings={"fields": ["problem"]},
        retries=2,
    )
    base = sampling.over(Sampling(max_tokens=3072, temperature=0.6, top_p=0.95))
    solve = Solutions(texts["concepts"]["solve"].strip(), base, options)
    summary = "Programming problems on concepts of a list, and solutions that pass their own tests in a sandbox. No documents are needed."
    return Recipe(name, Paper(**texts["papers"]["concepts"]), (problem, solve), summary, rows)


@dataclass(frozen=True)
class Solutions(Sandboxed):
    """Solutions of a problem with tests. Those that pass are training text behind the problem; others are rejected with the reason."""

    options: Options
    name = "solve"
    per = "problem"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        for generation in row.good("problem"):
            values = fields_of(generation)
            text = fill(self.prompt, {"problem": values["problem"]})
            yield Prompt.from_user(text, row.span, self.sampling, generation.key, (generation.id,), values)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        return Parsed(error=TRUNCATED) if completion.finish_reason == "length" else solution_and_tests(completion.text)

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        del row
        parsed = [answer for answer in answers if not answer.parsed.error]
        programs = [(answer.parsed.fields["solution"], answer.parsed.fields["tests"]) for answer in parsed]
        outcomes = dict(zip(map(id, parsed), self.options.run(programs), strict=True))
        untested = self._untested([answer for answer in parsed if outcomes[id(answer)].passed])
        for answer in answers:
            outcome = outcomes.get(id(answer))
            fields = {**answer.prompt.values, **answer.parsed.fields}
            if outcome is None:
                yield Output(answer, answer.parsed)
            elif id(answer) in untested:
                yield Output(answer, Parsed(error="rejected:weak_tests", fields={**fields, "reason": UNTESTED}))
            elif outcome.passed:
                text = f"{fields['problem']}\n\n```python\n{fields['solution']}\n```"
                yield Output(answer, Parsed(text=text, fields=fields))
            else:
                yield Output(answer, Parsed(error="rejected:wrong", fields={**fields, "reason": outcome.reason}))

    def _untested(self, answers: Sequence[Answer]) -> set[int]:
        """Those, by their ids, whose tests pass as well where the functions that they name give nothing."""
        empty: dict[int, tuple[str, str]] = {}
        for answer in answers:
            solution, tests = answer.parsed.fields["solution"], answer.parsed.fields["tests"]
            with contextlib.suppress(NotPythonError):
                program = without_results(solution, frozenset(re.findall(r"\w+", tests)))
                if program is not None:
                    empty[id(answer)] = (program, tests)
        return {key for key, outcome in zip(empty, self.options.run(list(empty.values())), strict=True) if outcome.passed}

    @override
    def describe(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt,
            "sampling": self.sampling.fields(),
            "options": self.options.model_dump(exclude={"concepts", "count"}),
        }
