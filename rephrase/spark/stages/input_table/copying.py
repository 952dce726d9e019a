"""A copy of a table's rows in Parquet, made once by the Spark session: for tables whose files are not their rows.

That are tables with deletes, renamed columns or other formats than Parquet, views, and conditions on columns. Nothing is shuffled; a copied
file is a unit of the shard stage, or more. Tries of a task write files of their own, and those of the tries that Spark counts are taken:
each row is there once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rephrase import storage
from rephrase.spark.runtime.job import open_job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_GROUP_BYTES = 16 << 20  # of a row group, not compressed


def copied_rows(spark: SparkSession, frame: DataFrame, folder: str, file_bytes: int) -> list[storage.FileInfo]:
    """Write the rows of a frame as Parquet files below `folder`, none of much more than `file_bytes` before compression.

    Returns the files, sorted. Raises what `Job.run` raises.
    """
    with open_job(spark, folder, title="shard (copies the table)") as job:

        def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            # Names that no other try has.
            for file in write_files(map(_stored, batches), storage.join(folder, uuid.uuid4().hex), file_bytes):
                yield pa.RecordBatch.from_pydict({"path": [file.path], "size": [file.size]})

        rows = job.run(frame.mapInArrow(job.reporting(body), "path string, size long").collect)
    return sorted(storage.FileInfo(row["path"], row["size"]) for row in rows)


def write_files(batches: Iterable[pa.RecordBatch], stem: str, file_bytes: int) -> Iterator[storage.FileInfo]:
    """Store batches of rows as Parquet files `<stem>-00000.parquet` and so on. Memory holds one file, compressed, and a row group."""
    file: _File | None = None
    number = 0
    for batch in batches:
        if batch.num_rows:
            file = file or _File(batch.schema)
            file.add(batch)
            if file.bytes >= file_bytes:
                yield file.stored(f"{stem}-{number:05d}.parquet")
                file, number = None, number + 1
    if file is not None:
        yield file.stored(f"{stem}-{number:05d}.parquet")


class _File:
    """A Parquet file that grows in memory."""

    def __init__(self, schema: pa.Schema) -> None:
        self.bytes = 0
        """Before compression."""
        self._memory = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._memory, schema, compression="zstd")
        self._group: list[pa.RecordBatch] = []
        self._group_bytes = 0

    def add(self, rows: pa.RecordBatch) -> None:
        self._group.append(rows)
        self.bytes += rows.nbytes
        self._group_bytes += rows.nbytes
        if self._group_bytes >= _GROUP_BYTES:
            self._end_group()

    def stored(self, path: str) -> storage.FileInfo:
        self._end_group()
        self._writer.close()
        data = memoryview(self._memory.getvalue())
        storage.create(path, data)
        return storage.FileInfo(path, len(data))

    def _end_group(self) -> None:
        if self._group:
            table = pa.Table.from_batches(self._group)
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._group, self._group_bytes = [], 0


def as_stored(kind: pa.DataType) -> pa.DataType:
    """The type that a column of Spark has once it is read from a Parquet file that Spark wrote: instants come in UTC, without a zone.

    A copy must give the texts that the table's files give, whatever the time zone of the session.
    """
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.timestamp("ns")
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(as_stored(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(as_stored(kind.key_type), as_stored(kind.item_type))
    return pa.list_(as_stored(kind.value_type)) if pa.types.is_list(kind) else kind


def _stored(batch: pa.RecordBatch) -> pa.RecordBatch:
    schema = pa.schema([field.with_type(as_stored(field.type)) for field in batch.schema])
    # Instants beyond nanoseconds overflow, as those of Spark's files do where Arrow reads them.
    return batch.cast(schema, safe=False) if schema != batch.schema else batch


def quoted(name: str) -> str:
    """The name of a column as SQL has it."""
    return "`" + name.replace("`", "``") + "`"
