"""Which units go through an engine together, as one Spark task, and in which order."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import overload

import numpy as np
from typing_extensions import override

from rephrase import storage
from rephrase.recipes.base import Recipe
from rephrase.records import content_id
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.rewrite.planned import RewriteUnit

_IN_A_ROW = 16  # tiny tasks that one of Spark's does: what Spark takes for its own is then small beside their work
_TINY = 4096  # tokens of all documents of these
_SPARK_TASKS = 2048  # that are left at least: a cluster has work for all of its cores, and a short tail

ANSWERS = "answers"
"""Where, below the output of a run, tasks keep their answers until their units are stored."""


def task_of(unit: Unit[RewriteUnit], recipes: Sequence[Recipe]) -> str:
    """Names the task that a unit belongs to: the same in every run, whichever of the task's units are there already.

    All units of a task are answered by one engine.
    """
    payload = unit.payload
    together = _together(payload, recipes)
    if together is None:
        return content_id(storage.name_of(unit.output), str(payload.round))
    rows = "/".join(payload.documents.split("/")[-2:])  # recipes with rows of their own have a folder each
    prefix, engine = together
    return content_id(rows, str(payload.row_group), prefix, *([engine] if engine else []))


def _together(unit: RewriteUnit, recipes: Sequence[Recipe]) -> tuple[str, str | None] | None:
    """What units over the same rows have alike if they go through an engine together; None where a unit goes alone.

    Steps whose prompts begin with the same passages do, to share the engine's prefix cache.
    """
    recipe = recipes[unit.recipe]
    step = recipe.steps[unit.step]
    alone = step.prefix is None or unit.kept or unit.part[1] > 1 or unit.earlier
    return None if alone else (str(step.prefix), recipe.engine_of(step))


def weights_of(units: Sequence[Unit[RewriteUnit]]) -> dict[str, float]:
    """How much work each of some units is, by its object: tokens of documents."""
    return {unit.output: max(1.0, unit.payload.tokens / unit.payload.part[1]) for unit in units}


def tasks_of(units: Sequence[Unit[RewriteUnit]], recipes: Sequence[Recipe]) -> Tasks:
    """The units of each Spark task, the longest task first, so that the stage has a short tail. Units stand in the order of their rows."""
    return Tasks(units, recipes)


class Tasks(Sequence[list[Unit[RewriteUnit]]]):
    """Tasks as the numbers of their units."""

    def __init__(self, units: Sequence[Unit[RewriteUnit]], recipes: Sequence[Recipe]) -> None:
        self._units = units
        self._members, ends, work = array("q"), array("q"), array("d")
        waiting: dict[object, list[int]] = {}
        weights: dict[object, float] = {}
        rows: tuple[str, int] | None = None

        def end() -> None:
            for key, members in waiting.items():
                self._members.extend(members)
                ends.append(len(self._members))
                work.append(weights[key])
            waiting.clear()
            weights.clear()

        for number, unit in enumerate(units):
            payload = unit.payload
            if rows != (payload.documents, payload.row_group):
                end()
                rows = payload.documents, payload.row_group
            key: object = _together(payload, recipes) or number
            waiting.setdefault(key, []).append(number)
            weights[key] = weights.get(key, 0.0) + payload.tokens / payload.part[1]
        end()
        self._ends = np.frombuffer(ends, np.int64) if ends else np.empty(0, np.int64)
        self._order = np.argsort(-np.frombuffer(work, np.float64), kind="stable") if work else self._ends
        self._work = np.frombuffer(work, np.float64) if work else self._ends
        self._is_again = any(unit.payload.round for unit in units[:1])

    def in_a_row(self, number: int) -> int:
        """How many tasks, from one on, a Spark task may do: one, unless they are many and tiny, and what they make is made once."""
        if self._is_again:
            return 1
        tokens = max(1, int(self._work[self._order[number]]))  # the largest of those that follow
        return max(1, min(_IN_A_ROW, _TINY // tokens, len(self) // _SPARK_TASKS))

    @override
    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, number: int) -> list[Unit[RewriteUnit]]: ...
    @overload
    def __getitem__(self, number: slice) -> list[list[Unit[RewriteUnit]]]: ...

    @override
    def __getitem__(self, number: int | slice) -> list[Unit[RewriteUnit]] | list[list[Unit[RewriteUnit]]]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        task = int(self._order[number])
        first = int(self._ends[task - 1]) if task else 0
        return [self._units[member] for member in self._members[first : int(self._ends[task])]]
