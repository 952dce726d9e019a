"""Names of objects that mean something: what stands in them, and how it is read back. Written and read here and nowhere else.

`str()` of a name is the last part of the object's path, `of` takes a path apart. Objects of `screened`, `judged` and `duplicates` are
named as the objects that they tell of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from rephrase import storage
from rephrase.errors import UserError

PARQUET = ".parquet"
ARROWS = ".arrows"
TABLE_VERSION = "_table.json"
"""Beside documents that are made of a table: which one, and at which version."""
TABLE_FILES = "_table_files.json"
"""The files that hold its rows."""

_DOCUMENTS = re.compile(r"part-(\d+)\.parquet")
_GENERATIONS = re.compile(r"(.+)-(\d+)-(\d+)-(\d+)(?:of(\d+))?\.parquet")
_EXCHANGE = re.compile(r"(\d+)\.arrows")


def _groups(pattern: re.Pattern[str], path: str) -> tuple[str, ...]:
    match = pattern.fullmatch(storage.name_of(path))
    if match is None:
        raise UserError("no stage gives an object such a name", where=path, cure="remove it from the folder of the run")
    return match.groups()


def stem(path: str) -> str:
    """The name of a Parquet file of anyone, without its ending."""
    return storage.name_of(path).removesuffix(PARQUET)


@dataclass(frozen=True, slots=True)
class DocumentsName:
    """An object of `documents`, by the index of the task that read the input, or of a recipe's own rows: `part-00012.parquet`."""

    number: int

    def __str__(self) -> str:
        return f"part-{self.number:05d}{PARQUET}"

    @classmethod
    def of(cls, path: str) -> Self:
        """The name of the object at `path`. Raises `UserError` where it is none."""
        [number] = _groups(_DOCUMENTS, path)
        return cls(int(number))


@dataclass(frozen=True, slots=True)
class ExtractedName:
    """An object between the two passes of the shard stage, by the index of its task: `00012.parquet`."""

    number: int

    def __str__(self) -> str:
        return f"{self.number:05d}{PARQUET}"


@dataclass(frozen=True, slots=True)
class ErrorsName:
    """An object of `errors`, by the stage and the index of its task: `shard-00012.parquet`."""

    stage: str
    number: int

    def __str__(self) -> str:
        return f"{self.stage}-{self.number:05d}{PARQUET}"


@dataclass(frozen=True, slots=True)
class RowsName:
    """The folder of the rows that a recipe makes for itself, by a digest of what they are: `tinystories.story-0a1b2c3d`."""

    recipe: str
    digest: str

    def __str__(self) -> str:
        return f"{_plain(self.recipe)}-{self.digest}"


@dataclass(frozen=True, slots=True)
class Place:
    """One step of one recipe over one row group: what the names of its objects begin with, `wrap.easy.rewrite-00012-0003`."""

    step: str
    """The recipe and its step, with dots."""
    documents: int
    """Number of the object of documents or rows."""
    row_group: int
    """Of that object."""

    @classmethod
    def at(cls, recipe: str, step: str, rows: str, row_group: int) -> Self:
        """The place of a recipe's step over a row group of the object of documents or rows whose path is `rows`."""
        return cls(cls.beginning(recipe, step), DocumentsName.of(rows).number, row_group)

    @staticmethod
    def beginning(recipe: str, step: str) -> str:
        """What the names of all objects of a recipe's step begin with."""
        return f"{_plain(recipe)}.{step}"


@dataclass(frozen=True, slots=True)
class GenerationsName:
    """An object of `generations` or `judged`: a place and, where its prompts are cut into parts, which: `…-0001of0009.parquet`."""

    place: Place
    part: int = 0
    parts: int = 1

    def __str__(self) -> str:
        place = self.place
        of = f"of{self.parts:04d}" if self.parts > 1 else ""
        return f"{place.step}-{place.documents:05d}-{place.row_group:04d}-{self.part:04d}{of}{PARQUET}"

    @classmethod
    def of(cls, path: str) -> Self:
        """The name of the object at `path`. Raises `UserError` where it is none."""
        step, documents, row_group, part, parts = _groups(_GENERATIONS, path)
        return cls(Place(step, int(documents), int(row_group)), int(part), int(parts or 1))


@dataclass(frozen=True, slots=True)
class ExchangeName:
    """What a task of the mix stage hands on, by the number of its pack: `000012.arrows`."""

    pack: int

    def __str__(self) -> str:
        return f"{self.pack:06d}{ARROWS}"

    @classmethod
    def of(cls, path: str) -> Self:
        """The name of the object at `path`. Raises `UserError` where it is none."""
        [pack] = _groups(_EXCHANGE, path)
        return cls(int(pack))


@dataclass(frozen=True, slots=True)
class MixtureName:
    """A file of the mixture, by its number among so many, with digits enough for all: `part-00012.parquet`."""

    number: int
    files: int

    def __str__(self) -> str:
        return f"part-{self.number:0{max(5, len(str(self.files - 1)))}d}{PARQUET}"


@dataclass(frozen=True, slots=True)
class ExportName:
    """A shard of an export, by the Parquet file that it was made of and its number among that file's: `part-00012-000`."""

    source: str
    number: int

    def __str__(self) -> str:
        return f"{stem(self.source)}-{self.number:03d}"


def _plain(recipe: str) -> str:
    """A recipe's name as part of an object's."""
    return recipe.replace("/", ".")
