"""A Delta table by deltalake, without Spark's jars: its own files where they are its rows, else a copy that one task makes of a scan.

The files are not its rows where some are deleted by vectors, where columns have other names in the files, where a folder does not name a
partition, and where a condition leaves rows out. deltalake's own engine reads all these.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.lakehouse.stores import for_deltalake
from rephrase.readers.base import reason_of
from rephrase.spark.runtime.lines import doing
from rephrase.spark.stages.input_table.copying import write_files
from rephrase.spark.stages.input_table.source import Source, moment_of

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from rephrase.readers.table import InputTable
    from rephrase.spark.runtime.session import LazySession

_RENAMING = ("name", "id")


@dataclass(frozen=True)
class DeltaSource(Source):
    """See `Source`."""

    of: DeltaTable

    @override
    def own_files(self) -> tuple[storage.FileInfo, ...] | str:
        columns = list(self._columns)
        if reason := self._reason():
            return reason
        root = self.table.name.rstrip("/")
        there = {file.path: file for file in storage.list_files(root)}
        actions: Any = pa.table(self.of.get_add_actions())
        paths = [storage.join(root, unquote(path)) for path in actions.column("path").to_pylist()]  # as the log has them
        if not all(path in there for path in paths):
            return "some of its files lie elsewhere"
        partitions = [name for name in self.of.metadata().partition_columns if name in columns]
        if not all(f"/{name}=" in path.removeprefix(root) for path in paths for name in partitions):
            return "the folders of its partitions do not name them"
        return tuple(there[path] for path in sorted(paths))

    @override
    def copied(self, spark: LazySession, folder: str, file_bytes: int) -> tuple[storage.FileInfo, ...]:
        """By this process alone: the engine uses all of its cores."""
        del spark
        stem = storage.join(folder, uuid.uuid4().hex)
        with doing(lambda: "the rows of the table are copied"):
            return tuple(write_files(self._rows(), stem, file_bytes))

    @override
    def first_rows(self, number: int) -> pa.Table:
        batches: list[pa.RecordBatch] = []
        rows = 0
        for batch in self._rows():
            batches.append(batch.slice(0, number - rows))
            rows += batches[-1].num_rows
            if rows >= number:
                break
        return pa.Table.from_batches(batches) if batches else pa.table({name: pa.array([], pa.string()) for name in self._columns})

    @override
    def count(self) -> int:
        return int(self.of.count())

    @functools.cached_property
    def _columns(self) -> tuple[str, ...]:
        return tuple(self.there([field.name for field in self.of.schema().fields]).values())

    def _reason(self) -> str:
        if self.table.copy_rows:
            return "`copy_rows`"
        if self.table.where:
            return "its condition may leave rows out"
        if self.of.metadata().configuration.get("delta.columnMapping.mode") in _RENAMING:
            return "its columns have other names in its files"
        features = self.of.protocol().reader_features or ()
        if "deletionVectors" in features and any(batch.num_rows for batch in pa.RecordBatchReader.from_stream(self.of.deletion_vectors())):
            return "rows of its files are deleted"
        return ""

    def _rows(self) -> Iterator[pa.RecordBatch]:
        try:
            reader = pa.RecordBatchReader.from_stream(self.of.scan(columns=list(self._columns), predicate=self.table.where))
            schema = pa.schema([field.with_type(_plain(field.type)) for field in reader.schema])
            for batch in reader:
                yield batch.cast(schema)
        except Exception as error:  # deltalake's own, of stores and of conditions
            cure = "see whether the condition names its columns; a version whose files were vacuumed is gone"
            raise UserError(f"the rows cannot be read: {reason_of(error)}", where=self.table.name, cure=cure) from error


def delta_source(table: InputTable, columns: tuple[str, ...], text: tuple[str, ...], version: str | None) -> DeltaSource:
    """The table as deltalake reads it. Raises `UserError` for a table or a version that is not there, and without deltalake."""
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError
    except ImportError as error:
        cure = "pip install 'rephrase[delta]', where the command runs"
        raise UserError("the package deltalake is not installed", where="input.table.format: delta", cure=cure) from error
    moment = moment_of(table)
    options = for_deltalake(table.name)
    try:
        of = DeltaTable(table.name, storage_options=options)
        if version or table.version is not None:
            of.load_as_version(int(version or str(table.version)))
        elif moment is not None:
            of.load_as_version(moment)
    except TableNotFoundError as error:
        raise UserError("there is no Delta table", where=table.name, cure="name the folder that holds its _delta_log") from error
    except Exception as error:  # deltalake's own, of stores and versions
        cure = "name a version that it has; who runs this must be allowed to read it"
        raise UserError(f"deltalake cannot read the table: {reason_of(error)}", where=table.name, cure=cure) from error
    if not version and moment is not None and of.version() == 0 and of.history(1)[0]["timestamp"] > moment.timestamp() * 1000:
        raise UserError("the table was not there yet", where=f"{table.name}, {table.timestamp}", cure="name a later moment")
    return DeltaSource(table, columns, text, str(of.version()), of)


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type as Parquet's readers know it: engines have views of texts and bytes."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    return pa.list_(_plain(kind.value_type)) if pa.types.is_list(kind) else kind
