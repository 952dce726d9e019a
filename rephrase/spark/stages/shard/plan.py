"""What each task of the shard stage reads, and where it writes."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.config.run import TRIALS
from rephrase.errors import UserError
from rephrase.names import DocumentsName, ErrorsName, ExtractedName
from rephrase.readers.files import cuts_of
from rephrase.readers.registry import readers_of
from rephrase.readers.slices import Slice, Units, units_of, whole_files
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import note_of

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.readers.settings import Input


_BESIDE_TABLES = ("errors", "exports", "logs", "rows", "stats", TRIALS)
"""Folders of a run's output besides those of its tables."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one task reads, by its index among all: a slice of a file, or whole files. Tasks get it as JSON, so it repeats nothing."""

    index: int
    folder: str
    """With what the paths of all files begin."""
    names: tuple[str, ...]
    """What follows in each."""
    sizes: tuple[int, ...]
    start: int = 0
    end: int | None = None
    modified: float = 0.0
    """Of the file of a slice."""

    @classmethod
    def of(cls, index: int, slices: Sequence[Slice]) -> Reading:
        """What a task reads of `Units`."""
        paths = [part.file.path for part in slices]
        folder = os.path.commonprefix(paths)  # noqa: RUF071  # character by character is meant: the names of a folder begin alike
        sizes, first = tuple(part.file.size for part in slices), slices[0]
        modified = 0.0 if first.is_whole else first.file.modified
        return cls(index, folder, tuple(path[len(folder) :] for path in paths), sizes, first.start, first.end, modified)

    @property
    def slices(self) -> Iterator[Slice]:
        """What is read."""
        for name, size in zip(self.names, self.sizes, strict=True):
            yield Slice(storage.FileInfo(self.folder + name, size, self.modified), self.start, self.end)

    @property
    def name(self) -> str:
        """Of what is read, for people."""
        first, last = self.folder + self.names[0], self.folder + self.names[-1]
        return first if first == last else f"{first} … {last}"


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Where the objects of the stage lie, by the index of what their task reads."""

    output: str
    count: int
    """Of the tasks, and of the objects of the table."""

    @property
    def documents(self) -> str:
        """The folder of the finished table."""
        return Tables.DOCUMENTS.folder(self.output)

    @property
    def extracted(self) -> str:
        """The folder of what lies between the two passes."""
        return storage.join(self.output, "_extracted")

    def final(self, index: int) -> str:
        """The object of documents."""
        return storage.join(self.documents, str(DocumentsName(index)))

    def between(self, index: int) -> str:
        """The documents, repeated ones among them."""
        return storage.join(self.extracted, str(ExtractedName(index)))

    def errors(self, index: int) -> str:
        """What could not be read."""
        return storage.join(self.output, "errors", str(ErrorsName("shard", index)))


def input_of(run: Run) -> Input:
    """The run's `input`. Raises `UserError` where it has none."""
    if run.input is None:
        raise UserError("the run has no `input`", where="shard", cure="name files under `input: {paths: …}`")
    return run.input


def units_of_input(run: Run, files: storage.FileList) -> Units:
    """What each task reads of the input.

    Of a table that an earlier version of rephrase began that is a file, or a slice of one that is not compressed.
    """
    begun = note_of(Tables.DOCUMENTS.folder(run.output)).get("meaning", {}).get("files")
    if begun is not None and "units" not in begun:
        return whole_files(files)
    config = input_of(run)
    cut = functools.partial(cuts_of, readers=readers_of(config.format))
    units = units_of(files, config.unit_bytes, cut)
    if begun is None or begun["units"] == len(units):
        return units
    former = units_of(files, config.unit_bytes, functools.partial(cut, compressed=False))  # never as many, where it differs
    return former if begun["units"] == len(former) else units


def input_files(paths: Sequence[str], output: str) -> storage.FileList:
    """The files that the patterns name; one that two patterns name comes once.

    What a run has written is no input of it: neither what lies below its output, unless a pattern begins there, nor, in any case, what
    stages keep there. Raises `UserError` where nothing is left.
    """
    several = (_not_made(storage.expand(path), path, output.rstrip("/")) for path in paths)
    files = next(several) if len(paths) == 1 else storage.FileList(dict.fromkeys(itertools.chain.from_iterable(several)))
    if not files:
        raise UserError("all input files lie in the output", where=output, cure="name another `output`, or other paths under `input`")
    return files


def _not_made(files: storage.FileList, pattern: str, output: str) -> storage.FileList:
    folders: tuple[str, ...] = (f"{output}/",)
    if pattern.rstrip("/") == output or pattern.startswith(f"{output}/"):
        folders = _made_in(output)
    if not any(path.startswith(folders) for path in files.paths()):
        return files
    return storage.FileList(file for file in files if not file.path.startswith(folders))


def _made_in(output: str) -> tuple[str, ...]:
    """The folders that stages make."""
    made = {table.path.partition("/")[0] for table in Tables.all()}
    return tuple(f"{storage.join(output, name)}/" for name in (*made, *_BESIDE_TABLES))
