"""Problems that check themselves: generators make them, a model solves or explains them, and the task's verifier decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import Field
from typing_extensions import override

from rephrase.engines.base import Sampling, is_engine_error
from rephrase.problems.base import Problem
from rephrase.problems.sql import SQL_TASK
from rephrase.problems.tasks import is_right
from rephrase.recipes.base import Answer, Output, Paper, Parsed, Prompt, Recipe, Row
from rephrase.recipes.final import final_answer_of, final_query_of
from rephrase.recipes.lengths import Bounds
from rephrase.recipes.problem_options import Levels, Problems, ProblemsOfTasks, Tries
from rephrase.recipes.problem_rows import ProblemRows, problem_of_row
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.registry import recipe
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.verified import Verified
from rephrase.text.tokenizer import Tokenizer


class SolveOptions(ProblemsOfTasks, Tries):
    """Options of `procedural/solve`."""


class ExplainOptions(ProblemsOfTasks):
    """Options of `procedural/explain`."""

    samples: int = Field(default=1, ge=1)
    """Explanations of each problem."""


@recipe("procedural/solve", SolveOptions, file="procedural")
def _build_solve(options: SolveOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("procedural")
    base = sampling.over(Sampling(max_tokens=4096, temperature=0.8, top_p=0.95))
    step = Solve(texts["solve"].strip(), base, options.samples, options.lowest, options.highest, options.keep)
    summary = "Problems made by rule, solved; right solutions are kept of problems that are solved neither always nor never."
    return Recipe("procedural/solve", Paper(**texts["paper"]), (step,), summary, _rows("procedural/solve", options))


@recipe("procedural/explain", ExplainOptions, file="procedural")
def _build_explain(options: ExplainOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("procedural")
    base = sampling.over(Sampling(max_tokens=4096, temperature=0.7, top_p=0.95))
    step = Explain(texts["explain"].strip(), base, texts["solution"].rstrip(), tuple(texts["tells"]), options.samples)
    summary = "Problems made by rule, and the way to their answers explained; kept where it comes to the right one."
    return Recipe("procedural/explain", Paper(**texts["paper"]), (step,), summary, _rows("procedural/explain", options))


class SqlOptions(Problems, Tries):
    """Options of `procedural/sql`."""

    difficulty: Levels = Field(default=[0, 1, 2, 3], min_length=1)
    """Levels of the questions, by turns: one table (0), groups and order (1), two tables (2), windows and inner queries (3)."""


@recipe("procedural/sql", SqlOptions, file="procedural")
def _build_sql(options: SqlOptions, sampling: SamplingSection) -> Recipe:
    texts = flow_prompts("procedural")
    base = sampling.over(Sampling(max_tokens=2048, temperature=0.8, top_p=0.95))
    step = SolveInSql(texts["sql"].strip(), base, options.samples, options.lowest, options.highest, options.keep)
    summary = "Questions on data tables, answered by SQL; queries are kept that give the right rows, as of `procedural/solve`."
    rows = ProblemRows("procedural/sql", (SQL_TASK,), tuple(options.difficulty), "{}", options.rows, options.seed)
    return Recipe("procedural/sql", Paper(**texts["sql_paper"]), (step,), summary, rows)


def _rows(name: str, options: ProblemsOfTasks) -> ProblemRows:
    parameters = orjson.dumps(options.parameters, option=orjson.OPT_SORT_KEYS).decode()
    return ProblemRows(name, tuple(options.names), tuple(options.difficulty), parameters, options.rows, options.seed)


def _fields(problem: Problem) -> dict[str, Any]:
    """What is told of a problem beside what a model made of it."""
    place = problem.place
    told = {"task": place.task, "level": place.level, "parameters": dict(place.parameters), "seed": place.seed, "index": place.index}
    return {"problem": problem.question, **told}


@dataclass(frozen=True)
class Solve(Verified):
    """k tries at a problem; the right ones are training text, if their share says that it is neither too easy nor too hard."""

    samples: int = 8
    lowest: float = 0.1
    highest: float = 0.9
    keep: int | None = None
    name = "solve"
    per = "problem"

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        yield Prompt.from_user(fill(self.prompt, {"passage": row.document.text}), row.span, self.sampling)

    @override
    def read(self, answer: Parsed) -> Parsed:
        return final_answer_of(answer)

    @override
    def outputs(self, row: Row, answers: Sequence[Answer]) -> Iterable[Output]:
        problem = problem_of_row(row.document)
        given = [None if answer.parsed.error else answer.parsed.fields["answer"] for answer in answers]
        verdicts = {text: is_right(problem, text) for text in dict.fromkeys(given) if text is not None}
        right = [text is not None and verdicts[text] for text in given]
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


class SolveInSql(Solve):
    """The same, where the answer is the query of the last code block."""

    @override
    def read(self, answer: Parsed) -> Parsed:
        return final_query_of(answer)


@dataclass(frozen=True)
class Explain(Verified):
    """The way from a problem to its answer; kept where it comes to the right one and does not speak of having been told it."""

    solution: str
    tells: tuple[str, ...]
    samples: int = 1
    name = "explain"
    per = "problem"

    @override
    def longest_prompt(self, bounds: Bounds) -> int | None:
        return None  # solutions come with the problems

    @override
    def prompts(self, row: Row, tokenizer: Tokenizer) -> Iterator[Prompt]:
        del tokenizer
        problem = problem_of_row(row.document)
        template = self.prompt + (f"\n{self.solution}" if problem.solution else "")
        values = {"passage": problem.question, "answer": problem.answer, "solution": problem.solution}
        yield Prompt.from_user(fill(template, values), row.span, self.sampling)

    @override
    def read(self, answer: Parsed) -> Parsed:
        return final_answer_of(answer)

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
