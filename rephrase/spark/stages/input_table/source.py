"""What a run asks of a table, whoever reads it: the Spark session, pyiceberg or deltalake."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.readers.table import InputTable
    from rephrase.spark.runtime.session import LazySession


@dataclass(frozen=True)
class Source(ABC):
    """A table at one version."""

    table: InputTable
    columns: tuple[str, ...]
    """Those that the config can need; the table may lack some."""
    text: tuple[str, ...]
    """Of which it must have one."""
    version: str
    """A snapshot of Iceberg, a version of Delta; empty for a table without versions."""

    @abstractmethod
    def own_files(self) -> tuple[storage.FileInfo, ...] | str:
        """The table's Parquet files, where they are its rows; or why some of them must be copied, in words. Sorted."""

    @abstractmethod
    def copied(self, spark: LazySession, folder: str, file_bytes: int) -> tuple[storage.FileInfo, ...]:
        """Its rows as Parquet files below `folder`, none of much more than `file_bytes` before compression, and own ones that will do."""

    @abstractmethod
    def first_rows(self, number: int) -> pa.Table:
        """Some of its rows, with the columns that are there."""

    @abstractmethod
    def count(self) -> int:
        """All of its rows; about so many where exact numbers have their price."""

    def there(self, names: Sequence[str], *, fold: bool = False) -> dict[str, str]:
        """Which of the table's columns, by names, is each of those that the config can need. Raises `UserError` where none is the text's.

        `fold`: capital and small letters are alike.
        """
        by_name = {name.lower() if fold else name: name for name in names}
        mapped = {name: by_name[key] for name in self.columns if (key := name.lower() if fold else name) in by_name}
        if not any(name in mapped for name in self.text):
            cure = f"name the column of the texts in `input.fields.text`; there are: {', '.join(names)}"
            raise UserError(f"the table has no column `{self.text[0]}`", where=self.table.name, cure=cure)
        return mapped


def moment_of(table: InputTable) -> datetime | None:
    """The `timestamp` of a table, in UTC where it names no zone. Raises `UserError` where it is none."""
    if table.timestamp is None:
        return None
    try:
        moment = datetime.fromisoformat(table.timestamp)
    except ValueError as error:
        cure = "for example 2026-11-30 12:00:00"
        raise UserError(f"`{table.timestamp}` is no moment", where="input.table.timestamp", cure=cure) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
