"""All tasks by name: which a pattern names, the problems of each, and what is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from rephrase.problems.base import Place, Problem
from rephrase.problems.gym import gym_problem, gym_tasks, is_right_by_gym
from rephrase.problems.ours import OUR_TASKS, is_right_by_value, our_problem
from rephrase.problems.sql import HIGHEST_LEVEL, SQL_TASK, is_right_query, sql_problem

_IN_VAIN = 50  # numbers of a task one after the other that give no new problem: it has no more
_AROUND = "`*$ \n"


def all_tasks() -> dict[str, int]:
    """The names of all tasks whose answers are texts, each with its highest level."""
    return {**OUR_TASKS, **gym_tasks()}


def tasks_named(pattern: str) -> list[str]:
    """The tasks of a name (`arithmetic/gcd`, or `gcd` alone) or a pattern (`arithmetic/*`); none where none fits."""
    return [name for name in all_tasks() if fnmatchcase(name, pattern) or name.rpartition("/")[2] == pattern]


def problems(tasks: Sequence[str], levels: Sequence[int], parameters: Mapping[str, Mapping[str, Any]], seed: int) -> Iterator[Problem]:
    """Problems of some tasks by turns, each at its levels by turns, none twice, as long as there are new ones. The same every time.

    A level above a task's highest is its highest. `parameters` are by task. Raises what `gym_problem` does.
    """
    highest = {**all_tasks(), SQL_TASK: HIGHEST_LEVEL}
    at = {task: list(dict.fromkeys(min(level, highest[task]) for level in levels)) for task in tasks}
    waiting = [
        _of_level(Place(task, at[task][(turn + number) % len(at[task])], seed, 0, parameters.get(task, {})))
        for turn in range(max(map(len, at.values()), default=0))
        for number, task in enumerate(tasks)
        if turn < len(at[task])
    ]
    while waiting:
        for stream in list(waiting):
            problem = next(stream, None)
            if problem is None:
                waiting.remove(stream)
            else:
                yield problem


def _of_level(place: Place) -> Iterator[Problem]:
    seen: set[str] = set()
    index = in_vain = 0
    while in_vain < _IN_VAIN:
        problem = problem_of(replace(place, index=index))
        index += 1
        if problem is None or problem.question in seen:
            in_vain += 1
            continue
        in_vain = 0
        seen.add(problem.question)
        yield problem


def problem_of(place: Place) -> Problem | None:
    """The problem of a place; None where there is none. Raises what `gym_problem` does."""
    if place.task == SQL_TASK:
        return sql_problem(place)
    return our_problem(place) if place.task in OUR_TASKS else gym_problem(place)


def is_right(problem: Problem, answer: str) -> bool:
    """Whether an answer is right, with or without marks of Markdown around it. Raises what `is_right_by_gym` does."""
    if problem.place.task == SQL_TASK:
        return is_right_query(problem, answer)
    verify = is_right_by_value if problem.place.task in OUR_TASKS else is_right_by_gym
    return any(verify(problem, text) for text in dict.fromkeys((answer.strip(), answer.strip(_AROUND))))
