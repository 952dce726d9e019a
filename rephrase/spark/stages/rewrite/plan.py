"""What the rewrite stage has to do: its units, which go through an engine together, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rephrase import storage
from rephrase.generation.rounds import Round
from rephrase.names import GenerationsName, Place
from rephrase.notes import GenerationsNote
from rephrase.recipes.base import Recipe
from rephrase.records import content_id
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.rewrite.rows import Source
from rephrase.storage import tables

ANSWERS = "answers"
"""Where, below the output of a run, tasks keep their answers until their units are stored."""


@dataclass(frozen=True, slots=True)
class RewriteUnit:
    """One step of one recipe over one row group of documents, or over a part of its prompts where the step fans out."""

    documents: str
    row_group: int
    recipe: int  # index into the run's recipes
    step: int
    earlier: tuple[tuple[str, tuple[str, ...]], ...]  # objects of the recipe's earlier steps over the same row group, by step name
    part: tuple[int, int] = (0, 1)
    tokens: int = 0  # of the documents: tells long units from short ones
    round: int = 0  # how often rows with errors were asked for again
    kept: tuple[str, ...] = ()  # objects whose rows without error are kept when the unit is made again


def weights_of(units: Sequence[Unit[RewriteUnit]]) -> dict[str, float]:
    """How much work each unit is, by its object: tokens of documents."""
    return {unit.output: max(1.0, unit.payload.tokens / unit.payload.part[1]) for unit in units}


def tasks_of(units: Sequence[Unit[RewriteUnit]], recipes: Sequence[Recipe]) -> list[list[Unit[RewriteUnit]]]:
    """The units of each Spark task, the longest task first, so that the stage has a short tail.

    Steps whose prompts begin with the same passages go through an engine together, to share its prefix cache.
    """
    together: dict[str, list[Unit[RewriteUnit]]] = {}
    for unit in units:
        together.setdefault(task_of(unit, recipes), []).append(unit)
    return sorted(together.values(), key=lambda task: -sum(unit.payload.tokens / unit.payload.part[1] for unit in task))


def task_of(unit: Unit[RewriteUnit], recipes: Sequence[Recipe]) -> str:
    """Names the task that a unit belongs to: the same in every run, whichever of the task's units are there already.

    All units of a task are answered by one engine.
    """
    payload = unit.payload
    recipe = recipes[payload.recipe]
    step = recipe.steps[payload.step]
    prefix = step.prefix
    alone = prefix is None or payload.kept or payload.part[1] > 1 or payload.earlier
    if alone:
        return content_id(storage.name_of(unit.output), str(payload.round))
    rows = "/".join(payload.documents.split("/")[-2:])  # recipes with rows of their own have a folder each
    engine = recipe.engine_of(step)
    return content_id(rows, str(payload.row_group), str(prefix), *([engine] if engine else []))


def plan(recipes: Sequence[Recipe], steps: Round, sources: Sequence[Source], folder: str, prompts_per_unit: int) -> list[Unit[RewriteUnit]]:
    """The units of the steps of a round, row group by row group, so that an engine sees the same documents in a row.

    The number of parts of a step that fans out comes from what the step before it left behind, so that every driver plans the same units,
    and stays what it was for objects that are there, whatever `prompts_per_unit` is now.
    """
    paths_by_place = by_place(tables.objects(folder)) if any(steps.values()) else {}
    sizes = _prompts_to_come(recipes, steps, sources, paths_by_place)
    units: list[Unit[RewriteUnit]] = []
    for source, documents in ((origin, footer) for origin in sources for footer in origin.footers):
        tokens = documents.note.row_group_tokens or (0,) * len(documents.row_groups)
        for group in range(len(documents.row_groups)):
            for index in (number for number in source.recipes if number in steps):
                recipe, step = recipes[index], steps[index]
                places = [(s.name, _place(recipe, i, documents.path, group)) for i, s in enumerate(recipe.steps[:step])]
                earlier = tuple((name, tuple(paths_by_place.get(place, ()))) for name, place in places)
                place = _place(recipe, step, documents.path, group)
                there = paths_by_place.get(place)
                parts = GenerationsName.of(there[0]).parts if there else max(1, math.ceil(sizes.get(place, 0) / prompts_per_unit))
                for part in range(parts):
                    payload = RewriteUnit(documents.path, group, index, step, earlier, (part, parts), tokens[group])
                    units.append(Unit(storage.join(folder, str(GenerationsName(place, part, parts))), payload))
    return units


def _place(recipe: Recipe, step: int, documents: str, group: int) -> Place:
    return Place.at(recipe.name, recipe.steps[step].name, documents, group)


def by_place(paths: Sequence[str]) -> dict[Place, list[str]]:
    """Objects of generations by their place. Raises `UserError` for a file that is none."""
    places: dict[Place, list[str]] = {}
    for path in paths:
        places.setdefault(GenerationsName.of(path).place, []).append(path)
    return places


def _prompts_to_come(
    recipes: Sequence[Recipe], steps: Round, sources: Sequence[Source], paths_by_place: dict[Place, list[str]]
) -> dict[Place, int]:
    before: dict[Place, list[str]] = {}
    for source, index in ((origin, number) for origin in sources for number in origin.recipes):
        recipe, step = recipes[index], steps.get(index, 0)
        if step and recipe.steps[step].fans_out:
            for documents in source.footers:
                for group in range(len(documents.row_groups)):
                    place = _place(recipe, step, documents.path, group)
                    before[place] = paths_by_place.get(_place(recipe, step - 1, documents.path, group), [])
    paths = [path for several in before.values() for path in several]
    counts = {footer.path: footer.note.next_prompts for footer in tables.footers(paths, GenerationsNote)}
    return {place: sum(counts[path] for path in several) for place, several in before.items()}
