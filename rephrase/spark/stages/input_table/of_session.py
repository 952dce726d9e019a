"""A table that the Spark session reads: its own files where they will do, else a copy of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from typing_extensions import override

from rephrase import storage
from rephrase.spark.stages.input_table.copying import as_stored, copied_rows, quoted
from rephrase.spark.stages.input_table.own_files import own_files
from rephrase.spark.stages.input_table.session import description, table_of, version_of
from rephrase.spark.stages.input_table.source import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from rephrase.readers.table import InputTable
    from rephrase.spark.runtime.session import LazySession


@dataclass(frozen=True)
class SessionSource(Source):
    """See `Source`."""

    session: SparkSession
    about: dict[str, Any]
    """What the catalog says of it."""

    @override
    def own_files(self) -> tuple[storage.FileInfo, ...] | str:
        return own_files(self.session, self.table, self.about)

    @override
    def copied(self, spark: LazySession, folder: str, file_bytes: int) -> tuple[storage.FileInfo, ...]:
        return tuple(copied_rows(self.session, self._frame(), folder, file_bytes))

    @override
    def first_rows(self, number: int) -> pa.Table:
        rows = self._frame().limit(number).toArrow()
        return rows.cast(pa.schema([field.with_type(as_stored(field.type)) for field in rows.schema]), safe=False)

    @override
    def count(self) -> int:
        return table_of(self.session, self.table, self.version).count()

    def _frame(self) -> DataFrame:
        frame = table_of(self.session, self.table, self.version)
        return frame.selectExpr(*(f"{quoted(column)} as {quoted(name)}" for name, column in self.there(frame.columns, fold=True).items()))


def session_source(
    table: InputTable, columns: tuple[str, ...], text: tuple[str, ...], session: SparkSession, version: str | None
) -> SessionSource:
    """The table as the session has it. Raises what `table_of` does."""
    table_of(session, table, version or "")  # refused where it is not there
    about = description(session, table.name)
    return SessionSource(table, columns, text, version_of(session, table, about) if version is None else version, session, about)
