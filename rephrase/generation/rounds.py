"""In which order steps are answered, so that an engine which holds devices is started as seldom as can be."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import groupby

from rephrase.engines.several import Engines
from rephrase.recipes.base import Recipe

Round = Mapping[int, int]
"""Steps that are answered side by side: of each recipe, by its index, the index of a step whose earlier ones are answered."""


def rounds(recipes: Sequence[Recipe], engines: Engines) -> list[Round]:
    """All steps of some recipes in an order in which of the engines that hold devices each takes its turn.

    In its turn an engine answers every step that can be answered by then, round after round; engines that hold no devices are beside it in
    every round. There are as few turns as the recipes allow. With one engine a round is the same step of all recipes that have it.
    """
    holders = [_holders(recipe, engines) for recipe in recipes]
    following = [0] * len(recipes)
    planned: list[Round] = []
    turns: list[str | None] = [*_turns(holders, list(engines.by_name))]
    for turn in turns or [None]:
        while ready := {
            index: step for index, step in enumerate(following) if step < len(holders[index]) and holders[index][step] in (None, turn)
        }:
            planned.append(ready)
            for index in ready:
                following[index] += 1
    return planned


def holder_of(recipes: Sequence[Recipe], steps: Round, engines: Engines) -> str | None:
    """The name of the engine of a round that holds devices, if one does."""
    return next((name for index, step in steps.items() if (name := _holders(recipes[index], engines)[step]) is not None), None)


def _holders(recipe: Recipe, engines: Engines) -> list[str | None]:
    """The engine of each step of a recipe; None for those that hold no devices."""
    names = [engines.name(recipe.engine_of(step)) for step in recipe.steps]
    return [name if engines.by_name[name].holds_devices else None for name in names]


def _turns(holders: Sequence[Sequence[str | None]], names: Sequence[str]) -> list[str]:
    """The shortest row of turns in which each recipe finds its engines in their order: found by breadth first."""
    rows = sorted({tuple(name for name, _ in groupby(name for name in row if name is not None)) for row in holders})
    start = (0,) * len(rows)
    before: dict[tuple[int, ...], tuple[tuple[int, ...], str] | None] = {start: None}
    queue = deque([start])
    while True:  # each turn of an engine that a recipe waits for leads on
        state = queue.popleft()
        if all(at == len(row) for at, row in zip(state, rows, strict=True)):
            return _path(state, before)
        for name in names:
            after = tuple(at + (at < len(row) and row[at] == name) for at, row in zip(state, rows, strict=True))
            if after not in before:
                before[after] = (state, name)
                queue.append(after)


def _path(state: tuple[int, ...], before: Mapping[tuple[int, ...], tuple[tuple[int, ...], str] | None]) -> list[str]:
    turns: list[str] = []
    while (origin := before[state]) is not None:
        state, name = origin
        turns.append(name)
    return turns[::-1]
