"""What the rewrite stage has to do in a round: its units."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from rephrase.generation.rounds import Round
from rephrase.notes import GenerationsNote
from rephrase.recipes.base import Recipe
from rephrase.spark.stages.rewrite.made import Made, Numbers, RowGroups, paths_of_all
from rephrase.spark.stages.rewrite.planned import Block, Planned
from rephrase.spark.stages.rewrite.rows import Source
from rephrase.storage import tables


def plan(recipes: Sequence[Recipe], steps: Round, sources: Sequence[Source], folder: str, prompts_per_unit: int) -> Planned:
    """The units of the steps of a round, row group by row group, so that an engine sees the same documents in a row.

    The number of parts of a step that fans out comes from what the step before it left behind, so that every driver plans the same units,
    and stays what it was for objects that are there, whatever `prompts_per_unit` is now.
    """
    made = Made(recipes, sources, folder, strict=any(steps.values()))
    blocks = []
    for source, groups in zip(sources, made.groups, strict=True):
        indexes = tuple(index for index in source.recipes if index in steps)
        each = [_parts(recipes[index], index, steps[index], groups, made, prompts_per_unit) for index in indexes]
        parts = np.stack(each, axis=1).reshape(-1) if each else np.empty(0, np.int64)
        blocks.append(Block(groups, indexes, parts, np.cumsum(parts, dtype=np.int64), groups.tokens()))
    return Planned(recipes, steps, made, blocks, folder)


def _parts(recipe: Recipe, index: int, step: int, groups: RowGroups, made: Made, prompts_per_unit: int) -> Numbers:
    """The parts of a step over each row group."""
    there = made.parts(index, step, len(groups)).astype(np.int64) if step else np.zeros(len(groups), np.int64)
    planned = np.ones(len(groups), np.int64)
    if step and recipe.steps[step].fans_out and len(new := np.flatnonzero(there == 0)):
        prompts = np.zeros(len(groups), np.int64)
        for group, note in _notes_before(made, index, step, groups, new):
            prompts[group] += note.next_prompts
        planned = np.maximum(1, -(-prompts // prompts_per_unit))
    return np.where(there > 0, there, planned)


def _notes_before(made: Made, index: int, step: int, groups: RowGroups, wanted: Numbers) -> Iterator[tuple[int, GenerationsNote]]:
    """The notes of the step before, each with the number of its row group."""
    pairs, again = itertools.tee(paths_of_all(made, index, step - 1, groups, wanted.tolist()))
    footers = tables.footers((path for _, path in again), GenerationsNote)
    return ((group, footer.note) for (group, _), footer in zip(pairs, footers, strict=True))
