"""Which objects of generations are there, as numbers: some bytes for each of a million, read off a listing that nobody keeps."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from rephrase import storage
from rephrase.errors import UserError
from rephrase.names import DocumentsName, GenerationsName, Place
from rephrase.recipes.base import Recipe
from rephrase.spark.stages.rewrite.rows import Source

Numbers = NDArray[np.int64]
PARTS = 1 << 20
"""More parts than any step over one row group has: an object's number is that of its row group times this, and its part."""


class RowGroups:
    """The row groups of a source, counted through its objects."""

    def __init__(self, source: Source) -> None:
        self.footers = source.footers
        self._starts: Numbers = np.cumsum([0, *(len(footer.row_groups) for footer in source.footers)], dtype=np.int64)
        self._places = {DocumentsName.of(footer.path).number: at for at, footer in enumerate(source.footers)}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def number_of(self, place: Place) -> int | None:
        """The number of the row group that a place is about; None where the source has none such."""
        at = self._places.get(place.documents)
        if at is None or place.row_group >= len(self.footers[at].row_groups):
            return None
        return int(self._starts[at]) + place.row_group

    def at(self, number: int) -> tuple[str, int]:
        """The path of the object with this row group, and the row group's number there."""
        at = int(np.searchsorted(self._starts, number, "right")) - 1
        return self.footers[at].path, number - int(self._starts[at])

    def tokens(self) -> Numbers:
        """Tokens of the texts of each row group; 0 where the objects do not tell."""
        each = (count for footer in self.footers for count in footer.note.row_group_tokens or (0,) * len(footer.row_groups))
        return np.fromiter(each, np.int64, len(self))


class Made:
    """The objects that are there, by recipe and step."""

    def __init__(self, recipes: Sequence[Recipe], sources: Sequence[Source], folder: str, *, strict: bool) -> None:
        """Lists the folder. `strict`: raises `UserError` for a file to which no stage gives such a name."""
        self._recipes, self._folder = recipes, folder.rstrip("/")
        self.groups = [RowGroups(source) for source in sources]
        steps = {
            Place.beginning(recipes[recipe].name, step.name): (self.groups[at], (recipe, number))
            for at, source in enumerate(sources)
            for recipe in source.recipes
            for number, step in enumerate(recipes[recipe].steps)
        }
        numbers: dict[tuple[int, int], array[int]] = {}
        self._parts: dict[tuple[int, int], NDArray[np.uint32]] = {}
        for name in self._listed(strict=strict):
            groups, step = steps.get(name.place.step, (None, (0, 0)))
            group = groups.number_of(name.place) if groups is not None else None
            if groups is None or group is None:
                continue
            if step not in numbers:
                numbers[step], self._parts[step] = array("q"), np.zeros(len(groups), np.uint32)
            numbers[step].append(group * PARTS + name.part)
            if not self._parts[step][group]:
                self._parts[step][group] = name.parts
        self._numbers = {step: np.sort(np.frombuffer(each, np.int64)) for step, each in numbers.items()}

    def _listed(self, *, strict: bool) -> Iterator[GenerationsName]:
        for file in storage.list_files(self._folder):
            if file.path.endswith(".parquet") and file.path.rpartition("/")[0] == self._folder:
                with suppress(*(() if strict else (UserError,))):
                    yield GenerationsName.of(file.path)

    def parts(self, recipe: int, step: int, groups: int) -> NDArray[np.uint32]:
        """Of each of so many row groups, the parts into which the step was cut; 0 where none of its objects is there."""
        there = self._parts.get((recipe, step))
        return np.zeros(groups, np.uint32) if there is None else there

    def has(self, recipe: int, step: int, numbers: Numbers) -> NDArray[np.bool_]:
        """Which of some objects of a step, by their numbers, are there."""
        there = self._numbers.get((recipe, step))
        return np.zeros(len(numbers), np.bool_) if there is None else np.isin(numbers, there)

    def paths(self, recipe: int, step: int, group: int, documents: str, row_group: int) -> tuple[str, ...]:
        """The objects of a step over a row group that are there, in the order of their parts."""
        there = self._numbers.get((recipe, step))
        if there is None:
            return ()
        first, last = np.searchsorted(there, (group * PARTS, (group + 1) * PARTS))
        place = Place.at(self._recipes[recipe].name, self._recipes[recipe].steps[step].name, documents, row_group)
        parts = int(self._parts[recipe, step][group])
        names = (GenerationsName(place, int(number) % PARTS, parts) for number in there[first:last])
        return tuple(storage.join(self._folder, str(name)) for name in names)


def paths_of_all(made: Made, recipe: int, step: int, groups: RowGroups, wanted: Iterable[int]) -> Iterator[tuple[int, str]]:
    """The objects of a step over some row groups, each with the number of its row group."""
    for group in wanted:
        for path in made.paths(recipe, step, group, *groups.at(group)):
            yield group, path
