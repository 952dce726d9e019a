"""The units of a round, which become objects one by one as they are looked at: a million of them take some bytes each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from typing_extensions import override

from rephrase.errors import UserError
from rephrase.generation.rounds import Round
from rephrase.names import GenerationsName, Place
from rephrase.recipes.base import Recipe
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.rewrite.made import PARTS, Made, Numbers, RowGroups

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


@dataclass(frozen=True, slots=True)
class Block:
    """The units of one source: row group by row group, of each recipe by recipe, of each part by part."""

    groups: RowGroups
    recipes: tuple[int, ...]
    """Those that have a step in the round."""
    parts: Numbers
    """Of each recipe over each row group, in this order."""
    ends: Numbers
    """Sums of these: the number of the first unit after each."""
    tokens: Numbers
    """Of the texts of each row group."""

    @property
    def owners(self) -> tuple[Numbers, Numbers]:
        """Of each unit, its place among `parts`, and its part."""
        places = np.repeat(np.arange(len(self.parts)), self.parts)
        return places, np.arange(len(places)) - (self.ends - self.parts)[places]


class Planned(Sequence[Unit[RewriteUnit]]):
    """The units of a round in their order."""

    def __init__(self, recipes: Sequence[Recipe], steps: Round, made: Made, blocks: Sequence[Block], folder: str) -> None:
        """`made`: what was there when the round was planned."""
        self.steps = steps
        self._recipes, self._made, self._folder = recipes, made, folder.rstrip("/")
        self._blocks = list(blocks)
        self._starts = np.cumsum([0, *(int(block.parts.sum()) for block in blocks)], dtype=np.int64)
        self._slots = {
            Place.beginning(recipes[recipe].name, recipes[recipe].steps[steps[recipe]].name): (at, slot)
            for at, block in enumerate(blocks)
            for slot, recipe in enumerate(block.recipes)
        }

    @override
    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, number: int) -> Unit[RewriteUnit]: ...
    @overload
    def __getitem__(self, number: slice) -> list[Unit[RewriteUnit]]: ...

    @override
    def __getitem__(self, number: int | slice) -> Unit[RewriteUnit] | list[Unit[RewriteUnit]]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        at = int(np.searchsorted(self._starts, number, "right")) - 1
        block, number = self._blocks[at], number - int(self._starts[at])
        place = int(np.searchsorted(block.ends, number, "right"))
        parts = int(block.parts[place])
        group, slot = divmod(place, len(block.recipes))
        return self._unit(block, group, block.recipes[slot], (number - int(block.ends[place]) + parts, parts))

    def _unit(self, block: Block, group: int, index: int, part: tuple[int, int]) -> Unit[RewriteUnit]:
        recipe, step = self._recipes[index], self.steps[index]
        documents, row_group = block.groups.at(group)
        earlier = tuple(
            (before.name, self._made.paths(index, number, group, documents, row_group)) for number, before in enumerate(recipe.steps[:step])
        )
        place = Place.at(recipe.name, recipe.steps[step].name, documents, row_group)
        payload = RewriteUnit(documents, row_group, index, step, earlier, part, int(block.tokens[group]))
        return Unit(f"{self._folder}/{GenerationsName(place, *part)}", payload)

    def number_of(self, output: str) -> int | None:
        """The number of the unit with this object; None where none has."""
        try:
            name = GenerationsName.of(output)
        except UserError:
            return None
        at, slot = self._slots.get(name.place.step, (None, 0))
        group = None if at is None else self._blocks[at].groups.number_of(name.place)
        if at is None or group is None:
            return None
        block = self._blocks[at]
        place = group * len(block.recipes) + slot
        if name.parts != block.parts[place] or name.part >= name.parts:
            return None
        return int(self._starts[at] + block.ends[place] - block.parts[place]) + name.part

    def recipes_of(self, numbers: Numbers) -> list[int]:
        """The recipes of some units, each once."""
        asked: list[int] = []
        for start, block in zip(self._starts, self._blocks, strict=False):
            mine = numbers[(numbers >= start) & (numbers < start + block.parts.sum())] - start
            places = np.searchsorted(block.ends, mine, "right")
            asked += [block.recipes[slot] for slot in np.unique(places % max(len(block.recipes), 1))]
        return asked

    def left(self) -> Selected:
        """The units whose object was not there."""
        missing = []
        for start, block in zip(self._starts, self._blocks, strict=False):
            places, part = block.owners
            there = np.zeros(len(places), np.bool_)
            groups, slots = np.divmod(places, max(len(block.recipes), 1))
            for slot, recipe in enumerate(block.recipes):
                mine = slots == slot
                there[mine] = self._made.has(recipe, self.steps[recipe], groups[mine] * PARTS + part[mine])
            missing.append(start + np.flatnonzero(~there))
        return Selected(self, np.concatenate([np.empty(0, np.int64), *missing]))

    @property
    def weights(self) -> Weights:
        """How much work each unit is, by its object: tokens of documents."""
        each = [np.empty(0)]
        for block in self._blocks:
            places, _ = block.owners
            each.append(np.maximum(1.0, block.tokens[places // max(len(block.recipes), 1)] / block.parts[places]))
        return Weights(self, np.concatenate(each).astype(np.float32))

    def kept(self, unit: Unit[RewriteUnit]) -> tuple[str, ...]:
        """All objects over the unit's row group of its step that were there."""
        payload = unit.payload
        block = next(block for block in self._blocks if payload.recipe in block.recipes)
        step = self._recipes[payload.recipe].steps[payload.step]
        group = block.groups.number_of(Place.at(self._recipes[payload.recipe].name, step.name, payload.documents, payload.row_group))
        return () if group is None else self._made.paths(payload.recipe, payload.step, group, payload.documents, payload.row_group)


class Selected(Sequence[Unit[RewriteUnit]]):
    """Some of the units of a round, in their order."""

    def __init__(self, planned: Planned, numbers: NDArray[np.int64]) -> None:
        self.planned, self.numbers = planned, numbers

    @override
    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, number: int) -> Unit[RewriteUnit]: ...
    @overload
    def __getitem__(self, number: slice) -> list[Unit[RewriteUnit]]: ...

    @override
    def __getitem__(self, number: int | slice) -> Unit[RewriteUnit] | list[Unit[RewriteUnit]]:
        if isinstance(number, slice):
            return [self.planned[int(each)] for each in self.numbers[number]]
        return self.planned[int(self.numbers[number])]


class Weights(Mapping[str, float]):
    """How much work units are, by their objects."""

    def __init__(self, planned: Planned, each: NDArray[np.float32]) -> None:
        self._planned, self._each = planned, each

    def of(self, units: Selected) -> float:
        """How much work some of them are together."""
        return float(self._each[units.numbers].sum(dtype=np.float64))

    @override
    def __getitem__(self, output: str) -> float:
        number = self._planned.number_of(output)
        if number is None:
            raise KeyError(output)
        return float(self._each[number])

    @override
    def __len__(self) -> int:
        return len(self._each)

    @override
    def __iter__(self) -> Iterator[str]:
        return (unit.output for unit in self._planned)

    @override
    def values(self) -> ValuesView[float]:
        return _Values(self, self._each)


class _Values(ValuesView[float]):
    """The weights, without the names of their objects."""

    def __init__(self, weights: Weights, each: NDArray[np.float32]) -> None:
        super().__init__(weights)
        self._each = each

    @override
    def __iter__(self) -> Iterator[float]:
        return (float(weight) for weight in self._each)
