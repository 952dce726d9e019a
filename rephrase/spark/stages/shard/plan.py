"""Where the shard stage reads and writes, by the index of an input file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError
from rephrase.names import DocumentsName, ErrorsName, ExtractedName
from rephrase.spark.stages.base import Tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.readers.settings import Input


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Where the objects of the stage lie, by the index of their input file."""

    output: str
    files: tuple[storage.FileInfo, ...]

    @property
    def documents(self) -> str:
        """The folder of the finished table."""
        return Tables.DOCUMENTS.folder(self.output)

    @property
    def extracted(self) -> str:
        """The folder of what lies between the two passes."""
        return storage.join(self.output, "_extracted")

    def final(self, index: int) -> str:
        """The object of documents of one input file."""
        return storage.join(self.documents, str(DocumentsName(index)))

    def between(self, index: int) -> str:
        """The documents of one input file, repeated ones among them."""
        return storage.join(self.extracted, str(ExtractedName(index)))

    def errors(self, index: int) -> str:
        """What of one input file could not be read."""
        return storage.join(self.output, "errors", str(ErrorsName("shard", index)))


def input_of(run: Run) -> Input:
    """The run's `input`. Raises `UserError` where it has none."""
    if run.input is None:
        raise UserError("the run has no `input`", where="shard", cure="name files under `input: {paths: …}`")
    return run.input


def input_files(paths: Sequence[str]) -> tuple[storage.FileInfo, ...]:
    """The files that the patterns name; one that two patterns name comes once."""
    return tuple(dict.fromkeys(file for path in paths for file in storage.expand(path)))
