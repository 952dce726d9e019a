"""Which problems a recipe has as its rows, and how many tries at each decide whether it is kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rephrase.problems.gym import excluded_tasks
from rephrase.problems.ours import OUR_TASKS
from rephrase.problems.tasks import all_tasks, tasks_named
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section, as_list


def _as_levels(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


Levels = Annotated[list[int], BeforeValidator(_as_levels)]
"""Levels of tasks; one may stand alone."""


class Problems(Section):
    """How many problems there are, and of which levels."""

    difficulty: Levels = Field(default=[0, 1, 2], min_length=1)
    """Levels, from 0 on, which the problems of a task have by turns. Above a task's highest level its highest counts."""
    rows: int = Field(default=1000, ge=1)
    """Problems of all tasks together; fewer where the tasks have no more that differ."""
    seed: int = Field(default=1, ge=0)
    """Another one makes other problems."""

    @field_validator("difficulty")
    @classmethod
    def _levels(cls, difficulty: list[int]) -> list[int]:
        for number, level in enumerate(difficulty):
            if level < 0:
                raise fault(f"{level} is no level", "levels begin with 0", (number,), level)
        return difficulty


class ProblemsOfTasks(Problems):
    """Which tasks the problems are of."""

    tasks: Annotated[list[str], BeforeValidator(as_list)] = Field(default=["*"], min_length=1)
    """Names or patterns: `arithmetic/gcd`, `gcd`, `arithmetic/*`, `ours/*`. Default: all."""
    parameters: dict[str, dict[str, Any]] = {}
    """By task: what replaces the parameters that the level gives."""

    @field_validator("tasks")
    @classmethod
    def _known(cls, tasks: list[str]) -> list[str]:
        for number, name in enumerate(tasks):
            if not tasks_named(name):
                raise fault(f"there is no task `{name}`", _instead_of(name), (number,), name)
        return tasks

    @model_validator(mode="after")
    def _parameters_of_tasks(self) -> ProblemsOfTasks:
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


class Tries(Section):
    """How many tries there are at each problem, and which share of them must be right."""

    samples: int = Field(default=8, ge=1)
    """Tries for each problem."""
    lowest: float = Field(default=0.1, ge=0, le=1)
    """A problem is kept if at least this share of its tries is right."""
    highest: float = Field(default=0.9, ge=0, le=1)
    """And at most this share; 1 keeps what is always solved."""
    keep: int | None = Field(default=None, ge=1)
    """At most so many right solutions of a problem; default: all that differ."""

    @model_validator(mode="after")
    def _bounds(self) -> Tries:
        if self.lowest > self.highest:
            raise fault(f"`lowest` {self.lowest} is above `highest` {self.highest}", "for example lowest: 0.1, highest: 0.9", ("lowest",))
        if not any(self.lowest <= right / self.samples <= self.highest for right in range(1, self.samples + 1)):
            cure = "give more `samples`, or wider bounds; `highest: 1` keeps what is always solved"
            raise fault(f"of {self.samples} tries no number is between {self.lowest} and {self.highest} of them", cure, ("samples",))
        return self


def _instead_of(name: str) -> str:
    reason = excluded_tasks().get(name.rpartition("/")[2])
    return f"reasoning-gym has it, and it is left out: {reason}" if reason else nearest(name, all_tasks(), "tasks are")
