"""Rows that a recipe makes for itself: a row for each line of a list, or a number of random draws from several."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.plain_rows import rows_of
from rephrase.recipes.base import RowSource
from rephrase.recipes.prompts import fill
from rephrase.records import Document, content_id
from rephrase.settings.paths import SHIPPED_LISTS


@dataclass(frozen=True)
class ListRows(RowSource):
    """A row for each line of a list, or `count` rows with something drawn for each."""

    recipe: str
    text: str
    count: int
    lines: tuple[str, ...] = ()
    name: str = "item"
    choose: tuple[tuple[str, tuple[str, ...]], ...] = ()
    subsets: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @override
    def documents(self) -> Iterator[Document]:
        for number in range(self.count):
            values = {self.name: self.lines[number]} if self.lines else {}
            for name, pool in self.choose:
                rng = random.Random(content_id(self.recipe, str(number), name))  # not a secret
                unused = [item for item in pool if item not in values.values()]
                values[name] = rng.choice(unused or pool)
            for name, pool in self.subsets:
                rng = random.Random(content_id(self.recipe, str(number), name))  # not a secret
                subset = [item for item in pool if rng.random() < 0.5]  # every subset is as likely as any other
                values[name] = "; ".join(subset or [rng.choice(pool)])
            text = fill(self.text, values)
            yield Document(content_id(self.recipe, str(number), text), text, source=f"rows:{self.recipe}", metadata=values)

    @override
    def named(self, recipe: str) -> ListRows:
        return replace(self, recipe=recipe)

    @override
    def describe(self) -> Any:
        pools = [*self.choose, *self.subsets]
        lists = content_id(*self.lines, *(item for _, pool in pools for item in pool))
        return [self.text, self.count, [name for name, _ in self.choose], lists, *([name] for name, _ in self.subsets)]


def read_list(path: str) -> list[str]:
    """The lines of a list, without comments and repeats. Raises `UserError` where there is none."""
    if path.startswith(SHIPPED_LISTS):
        text = files("rephrase.recipes").joinpath(path).read_text(encoding="utf-8")
    else:
        try:
            text = storage.read(path).decode()
        except FileNotFoundError as error:
            raise UserError("there is no such list", where=path, cure="a list is a text file with an item on each line") from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise UserError("the list is empty", where=path, cure="a list is a text file with an item on each line")
    return list(dict.fromkeys(lines))


def read_rows(path: str) -> list[tuple[str, Any]]:
    """The rows of a JSONL or Parquet file, or of a JSONL list that is shipped, each with the place that errors name. Raises `UserError`."""
    if not path.startswith(SHIPPED_LISTS):
        return list(rows_of([path]))
    lines = files("rephrase.recipes").joinpath(path).read_text(encoding="utf-8").splitlines()
    return [(f"{path}, row {number}", orjson.loads(line)) for number, line in enumerate(lines, 1)]
