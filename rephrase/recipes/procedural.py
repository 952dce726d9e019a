"""Problems that check themselves: generators make them, a model solves or explains them, and the task's verifier decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, field_validator, model_validator
from typing_extensions import override

from rephrase.engines.base import Completion, Sampling, is_engine_error
from rephrase.problems.base import Problem
from rephrase.problems.gym import excluded_tasks
from rephrase.problems.ours import OUR_TASKS
from rephrase.problems.tasks import all_tasks, is_right, tasks_named
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row, Step, whole_text
from rephrase.recipes.final import final_answer_of
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.problem_rows import ProblemRows, problem_of_row
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section, as_list
from rephrase.text.tokenizer import Tokenizer


def _as_levels(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


class Options(Section):
    """Options of the recipes `procedural/…` whose problems are made by tasks."""

    tasks: Annotated[list[str], BeforeValidator(as_list)] = Field(default=["*"], min_length=1)
    """Names or patterns: `arithmetic/gcd`, `gcd`, `arithmetic/*`, `ours/*`. Default: all."""
    difficulty: Annotated[list[int], BeforeValidator(_as_levels)] = Field(default=[0, 1, 2], min_length=1)
    """Levels, from 0 on, which the problems of a task have by turns. Above a task's highest level its highest counts."""
    parameters: dict[str, dict[str, Any]] = {}
    """By task: what replaces the parameters that the level gives."""
    rows: int = Field(default=1000, ge=1)
    """Problems of all tasks together; fewer where the tasks have no more that differ."""
    seed: int = Field(default=1, ge=0)

    @field_validator("tasks")
    @classmethod
    def _known(cls, tasks: list[str]) -> list[str]:
        for number, name in enumerate(tasks):
            if not tasks_named(name):
                raise fault(f"there is no task `{name}`", _instead_of(name), (number,), name)
        return tasks

    @field_validator("difficulty")
    @classmethod
    def _levels(cls, difficulty: list[int]) -> list[int]:
        for number, level in enumerate(difficulty):
            if level < 0:
                raise fault(f"{level} is no level", "levels begin with 0", (number,), level)
        return difficulty

    @model_validator(mode="after")
    def _parameters_of_tasks(self) -> Options:
        for name in self.parameters:
            if name not in self.names:
                raise fault(f"`{name}` is none of the tasks", nearest(name, self.names, "tasks are"), ("parameters", name))
            if name in OUR_TASKS:
                raise fault(f"`{name}` has no parameters but its level", "take it out", ("parameters", name))
        return self

    @property
    def names(self) -> list[str]:
        """The tasks by name, each once."""
        return list(dict.fromkeys(task for pattern in self.tasks for task in tasks_named(pattern)))


class SolveOptions(Options):
    """Options of `procedural/solve`."""

    samples: int = Field(default=8, ge=1)
    """Tries for each problem."""
    lowest: float = Field(default=0.1, ge=0, le=1)
    """A problem is kept if at least this share of its tries is right."""
    highest: float = Field(default=0.9, ge=0, le=1)
    """And at most this share; 1 keeps what is always solved."""
    keep: int | None = Field(default=None, ge=1)
    """At most so many right solutions of a problem; default: all that differ."""

    @model_validator(mode="after")
    def _bounds(self) -> SolveOptions:
        if self.lowest > self.highest:
            raise fault(f"`lowest` {self.lowest} is above `highest` {self.highest}", "for example lowest: 0.1, highest: 0.9", ("lowest",))
        if not any(self.lowest <= right / self.samples <= self.highest for right in range(1, self.samples + 1)):
            cure = "give more `samples`, or wider bounds; `highest: 1` keeps what is always solved"
            raise fault(f"of {self.samples} tries no number is between {self.lowest} and {self.highest} of them", cure, ("samples",))
        return self


class ExplainOptions(Options):
    """Options of `procedural/explain`."""

    samples: int = Field(default=1, ge=1)
    """Explanations of each problem."""


def _instead_of(name: str) -> str:
    reason = excluded_tasks().get(name.rpartition("/")[2])
    return f"reasoning-gym has it, and it is left out: {reason}" if reason else nearest(name, all_tasks(), "tasks are")


@recipe("procedural/solve", SolveOptions)
def _build_solve(options: SolveOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("procedural")
    base = sampling.over(Sampling(max_tokens=4096, temperature=0.8, top_p=0.95))
    step = Solve(texts["solve"].strip(), base, options.samples, options.lowest, options.highest, options.keep)
    summary = "Problems made by rule, solved; right solutions are kept of problems that are solved neither always nor never."
    return Recipe("procedural/solve", Paper(**texts["paper"]), (step,), summary, _rows("procedural/solve", options))


@recipe("procedural/explain", ExplainOptions)
def _build_explain(options: ExplainOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("procedural")
    base = sampling.over(Sampling(max_tokens=4096, temperature=0.7, top_p=0.95))
    step = Explain(texts["explain"].strip(), texts["solution"].rstrip(), tuple(texts["tells"]), base, options.samples)
    summary = "Problems made by rule, and the way to their answers explained; kept where it comes to the right one."
    return Recipe("procedural/explain", Paper(**texts["paper"]), (step,), summary, _rows("procedural/explain", options))


def _rows(name: str, options: Options) -> ProblemRows:
    parameters = orjson.dumps(options.parameters, option=orjson.OPT_SORT_KEYS).decode()
    return ProblemRows(name, tuple(options.names), tuple(options.difficulty), parameters, options.rows, options.seed)


def _fields(problem: Problem) -> dict[str, Any]:
    """What is told of a problem beside what a model made of it."""
    place = problem.place
    return {"problem": problem.question, "task": place.task, "level": place.level, "seed": place.seed, "index": place.index}


@dataclass(frozen=True)
class Solve(Step):
    """k tries at a problem; the right ones are training text, if their share says that it is neither too easy nor too hard."""

    prompt: str
    sampling: Sampling
    samples: int = 8
    lowest: float = 0.1
    highest: float = 0.9
    keep: int | None = None
    name = "solve"

    @property
    @override
    def load(self) -> str:
        return f"{self.samples} for each problem"

    @override
    def longest_prompt(self, bounds: Bounds) -> int:
        return bounds.of_template(self.prompt, {}, {})

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        yield Prompt.from_user(fill(self.prompt, {"passage": row.document.text}), row.span, self.sampling)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        return final_answer_of(whole_text(completion))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        problem = problem_of_row(row.document)
        right = [not answer.parsed.error and is_right(problem, answer.parsed.fields["answer"]) for answer in answers]
        tries = sum(not is_engine_error(answer.parsed.error or "") for answer in answers)  # what no model answered is none
        told = {**_fields(problem), "right": sum(right), "of": tries}
        rate = sum(right) / max(1, tries)
        solutions: list[str] = []
        for answer, is_this_right in zip(answers, right, strict=True):
            text, fields = answer.parsed.text or "", {**told, **answer.parsed.fields}
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
            elif not is_this_right:
                yield Output(answer, Parsed(error="rejected:wrong", fields=fields))
            elif not self.lowest <= rate <= self.highest:
                yield Output(answer, Parsed(error="rejected:too_easy" if rate > self.highest else "rejected:too_hard", fields=fields))
            elif text in solutions or (self.keep is not None and len(solutions) >= self.keep):
                yield Output(answer, Parsed(error="rejected:more_than_wanted", fields=fields))
            else:
                solutions.append(text)
                yield Output(answer, Parsed(text=f"{problem.question}\n\n{text}", fields={**fields, "solution": text}))

    @override
    def describe(self) -> dict[str, Any]:
        bounds = {"lowest": self.lowest, "highest": self.highest, "keep": self.keep}
        return {"prompt": self.prompt, "sampling": self.sampling.fields(), **bounds}


@dataclass(frozen=True)
class Explain(Step):
    """The way from a problem to its answer; kept where it comes to the right one and does not speak of having been told it."""

    prompt: str
    solution: str
    tells: tuple[str, ...]
    sampling: Sampling
    samples: int = 1
    name = "explain"

    @property
    @override
    def load(self) -> str:
        return f"{self.samples} for each problem"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        problem = problem_of_row(row.document)
        template = self.prompt + (f"\n{self.solution}" if problem.solution else "")
        values = {"passage": problem.question, "answer": problem.answer, "solution": problem.solution}
        yield Prompt.from_user(fill(template, values), row.span, self.sampling)

    @override
    def parse(self, prompt: Prompt, completion: Completion, tokenizer: Tokenizer) -> Parsed:
        del prompt, tokenizer
        return final_answer_of(whole_text(completion))

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        problem = problem_of_row(row.document)
        for answer in answers:
            text, fields = answer.parsed.text or "", {**_fields(problem), **answer.parsed.fields}
            if answer.parsed.error:
                yield Output(answer, answer.parsed)
            elif not is_right(problem, fields["answer"]):
                yield Output(answer, Parsed(error="rejected:wrong", fields=fields))
            elif any(tell in text.lower() for tell in self.tells):
                yield Output(answer, Parsed(error="rejected:told", fields=fields))
            else:
                yield Output(answer, Parsed(text=f"{problem.question}\n\n{text}", fields={**fields, "solution": text}))

    @override
    def describe(self) -> dict[str, Any]:
        return {"prompt": self.prompt, "solution": self.solution, "tells": list(self.tells), "sampling": self.sampling.fields()}
