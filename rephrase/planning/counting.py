"""Requests and prompt tokens of first steps: of all documents, or of a seeded sample of their groups with an interval.

Groups are counted in processes of their own, as making and counting prompts is work for the processor.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from rephrase.planning.estimate import Estimate, Stratum, total
from rephrase.planning.material import Group, Material
from rephrase.planning.prompts import Count, FirstPrompts
from rephrase.records import unit_interval

EXACT_TOKENS = 20_000_000
"""Tokens of documents times recipes up to which all are counted, which takes a core some minutes; above it, groups of about so many."""
_IN_PLACE = 1_000_000  # below, starting processes takes longer than the work
_LEAST_GROUPS = 30  # of a sample: fewer would tell little of their spread

_work: FirstPrompts | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the first step of a recipe will ask in all."""

    documents: Estimate
    passages: Estimate
    requests: Estimate
    unasked: Estimate
    prompt_tokens: Estimate


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of some recipes, by index, on one material, and of the material itself."""

    by_recipe: dict[int, Counted]
    documents: Estimate
    tokens: Estimate
    groups: int
    counted_groups: int


def count(material: Material, prompts: FirstPrompts, *, exact: bool = False) -> Counts:
    """Count the first prompts on a material. `exact`: all of it, however long that takes."""
    groups = material.groups
    chosen = groups if exact or _work_of(groups, material) <= EXACT_TOKENS else _sample(groups, material)
    size, known = len(groups), np.array([group.rows for group in chosen], float)
    rows = sum(group.rows for group in groups)
    parts = list(_counts(chosen, material.recipes, prompts))

    def estimate(values: Sequence[float]) -> Estimate:
        if len(chosen) == size:
            whole = sum(values)
            return Estimate.exact(whole) if material.scale == 1 else Estimate(round(whole * material.scale))
        return total([Stratum(size, known, np.array(values, float))], rows)

    by_recipe = {}
    for index in material.recipes:
        each = [counts[index] for _, _, counts in parts]
        by_recipe[index] = Counted(*(estimate([getattr(one, field.name) for one in each]) for field in fields(Count)))
    documents, tokens = estimate([there for there, _, _ in parts]), estimate([tokens for _, tokens, _ in parts])
    return Counts(by_recipe, documents, tokens, size, len(chosen))


def _work_of(groups: Sequence[Group], material: Material) -> int:
    return sum(group.tokens for group in groups) * len(material.recipes)


def _sample(groups: Sequence[Group], material: Material) -> list[Group]:
    """Groups drawn by the hash of their places, until they are work enough."""
    drawn = sorted(groups, key=lambda group: unit_interval(group.path.rsplit("/", 1)[-1], str(group.row_group), "plan"))
    each = max(1, _work_of(groups, material) // len(groups))
    return drawn[: max(_LEAST_GROUPS, EXACT_TOKENS // each)]


def _counts(groups: Sequence[Group], recipes: Sequence[int], prompts: FirstPrompts) -> Iterator[tuple[int, int, dict[int, Count]]]:
    """Of each group: its documents, their tokens, and the counts by recipe."""
    if sum(group.tokens for group in groups) * len(recipes) <= _IN_PLACE or len(groups) == 1:
        yield from (_count_group(group, recipes, prompts) for group in groups)
        return
    processes = min(len(groups), len(os.sched_getaffinity(0)))
    context = multiprocessing.get_context("spawn")  # threads and connections of this process stay here
    with ProcessPoolExecutor(processes, context, _begin, (prompts,)) as pool:
        yield from pool.map(_count_in_process, groups, [tuple(recipes)] * len(groups))


def _begin(prompts: FirstPrompts) -> None:
    global _work  # noqa: PLW0603  # a process counts for one plan, and loads its tokenizers once
    _work = prompts


def _count_in_process(group: Group, recipes: tuple[int, ...]) -> tuple[int, int, dict[int, Count]]:
    assert _work is not None
    return _count_group(group, recipes, _work)


def _count_group(group: Group, recipes: Sequence[int], prompts: FirstPrompts) -> tuple[int, int, dict[int, Count]]:
    documents = group.read()
    return documents.num_rows, sum(documents.column("n_tokens").to_pylist()), prompts.of_table(documents, recipes)
