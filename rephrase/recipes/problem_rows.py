"""Problems as the rows of a recipe, each with its place, by which every machine finds it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import orjson
from typing_extensions import override

from rephrase.problems.base import Place, Problem
from rephrase.problems.gym import gym_tasks, gym_version
from rephrase.problems.sql import SQL_TASK
from rephrase.problems.tasks import problems
from rephrase.recipes.base import RowSource
from rephrase.records import Document, content_id


@dataclass(frozen=True)
class ProblemRows(RowSource):
    """Problems as rows. Which they are follows from the tasks, the levels, the seed and the version of the library alone."""

    recipe: str
    tasks: tuple[str, ...]
    levels: tuple[int, ...]
    parameters: str  # JSON, by task
    count: int
    seed: int
    library: str = field(default_factory=gym_version)

    @property
    @override
    def packages(self) -> Mapping[str, str]:
        of_gym = ["reasoning_gym"] if any(task in gym_tasks() for task in self.tasks) else []
        return dict.fromkeys([*of_gym, *(["duckdb"] if SQL_TASK in self.tasks else [])], "procedural")

    @override
    def documents(self) -> Iterator[Document]:
        made = problems(self.tasks, self.levels, orjson.loads(self.parameters), self.seed)
        for problem in islice(made, self.count):
            place = problem.place
            metadata = {
                "task": place.task,
                "level": str(place.level),
                "parameters": place.written_parameters,
                "seed": str(place.seed),
                "index": str(place.index),
                "generator": f"reasoning-gym {self.library}" if place.task in gym_tasks() else "ours",
                "answer": problem.answer,
                "solution": problem.solution,
            }
            id_ = content_id(self.recipe, *list(metadata.values())[:5], problem.question)
            yield Document(id_, problem.question, source=f"rows:{self.recipe}", metadata=metadata)

    @override
    def named(self, recipe: str) -> ProblemRows:
        return replace(self, recipe=recipe)

    @override
    def describe(self) -> Any:
        library = [self.library] if any(task in gym_tasks() for task in self.tasks) else []
        return [list(self.tasks), list(self.levels), self.parameters, self.count, self.seed, *library]


def problem_of_row(document: Document) -> Problem:
    """The problem that a row holds."""
    told = document.metadata
    place = Place(told["task"], int(told["level"]), int(told["seed"]), int(told["index"]), orjson.loads(told["parameters"]))
    return Problem(place, document.text, told["answer"], told["solution"])
