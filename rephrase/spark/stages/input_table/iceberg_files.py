"""Which data files of an Iceberg table are its rows as they are, and copies of those that are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.schemes import location
from rephrase.spark.runtime.units import Unit

if TYPE_CHECKING:
    from pyiceberg.table import DataScan, FileScanTask, Table

Scanned = tuple[int | None, Sequence[str], str | None]
"""A snapshot, or None for the current one with the columns that the table has now; columns and a condition."""


@dataclass(frozen=True)
class Part:
    """A data file with its deletes, as a task is told of it."""

    path: str
    format: str
    spec: int
    partition: tuple[str | int | float | bool | None, ...]
    deletes: tuple[tuple[str, str], ...]
    """Path and format of each file of deletes."""


def of_all_files(table: Table, scan: DataScan) -> tuple[str, set[int]]:
    """Why no file can be taken as it is, and the ids of the needed columns that a partition may hold in place of its files."""
    needed = scan.projection()
    ids = {field_id: needed.find_column_name(field_id) for field_id in needed.field_ids}
    names = {name: field_id for field_id, name in ids.items()}
    for schema in table.metadata.schemas:
        for field_id in schema.field_ids:
            name = schema.find_column_name(field_id)
            if ids.get(field_id, name) != name or names.get(name, field_id) != field_id:
                return f"the column `{ids.get(field_id, name)}` has not always been the one of this name", set()
    for field_id, name in ids.items():
        if needed.find_field(field_id).initial_default is not None:
            return f"the column `{name}` has a default for rows that were there before it", set()
    sources = {field.source_id for spec in table.metadata.partition_specs for field in spec.fields if str(field.transform) == "identity"}
    return "", sources & set(ids)


def of_file(task: FileScanTask, told_by_partitions: set[int]) -> str:
    """Why a data file cannot be taken as it is; empty where it can."""
    from pyiceberg.expressions import AlwaysTrue

    if str(task.file.file_format.value) != "PARQUET":
        return f"it is {task.file.file_format.value}"
    if task.delete_files:
        return "rows of it are deleted"
    if not isinstance(task.residual, AlwaysTrue):
        return "the condition leaves out rows of it"
    if not told_by_partitions <= set(task.file.value_counts or {}):
        return "a column may stand in its partition alone"
    try:
        location(task.file.file_path)
    except UserError as error:
        return error.what
    return ""


def part_of(task: FileScanTask, table: str) -> Part:
    """A data file for a task that copies its rows. Raises `UserError` where a task cannot be told of it."""
    values = [task.file.partition[place] for place in range(len(task.file.partition))]
    if any(not isinstance(value, str | int | float | bool | None) for value in values):
        cure = "let Spark read it: take `format` out"
        raise UserError(
            "its partitions have values that are neither texts nor numbers, and its files must be copied", where=table, cure=cure
        )
    deletes = tuple(sorted((str(file.file_path), str(file.file_format.value)) for file in task.delete_files))
    return Part(task.file.file_path, str(task.file.file_format.value), task.file.spec_id, tuple(values), deletes)


def info_of(task: FileScanTask) -> storage.FileInfo:
    """A data file as stores know it."""
    return storage.FileInfo(location(task.file.file_path), task.file.file_size_in_bytes)


def copy_part(unit: Unit[Part], *, metadata: str, settings: Mapping[str, str], scanned: Scanned) -> None:
    """Store the rows of a data file that are the table's as one Parquet file, batch by batch."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.table import FileScanTask, StaticTable
    from pyiceberg.typedef import Record

    table = StaticTable.from_metadata(metadata, dict(settings))
    part, scan = unit.payload, scan_of(table, scanned)
    file = DataFile.from_args(
        content=DataFileContent.DATA, file_path=part.path, file_format=FileFormat(part.format), partition=Record(*part.partition)
    )
    file.spec_id = part.spec
    deletes = {
        DataFile.from_args(content=DataFileContent.POSITION_DELETES, file_path=path, file_format=FileFormat(form))
        for path, form in part.deletes
    }
    memory = pa.BufferOutputStream()
    writer: pq.ParquetWriter | None = None
    try:
        for batch in rows_of(table, scan, FileScanTask(file, deletes)):
            writer = writer or pq.ParquetWriter(memory, batch.schema, compression="zstd")
            writer.write_batch(batch)
    except FileNotFoundError as error:
        cure = "its snapshot has expired: write to another `output`, which reads the table as it is now"
        raise UserError("a file of the table has gone", where=part.path, cure=cure) from error
    writer = writer or pq.ParquetWriter(memory, schema_of(scan))
    writer.close()
    storage.create(unit.output, memoryview(memory.getvalue()))


def scan_of(table: Table, scanned: Scanned) -> DataScan:
    """A scan at a snapshot, with these columns and this condition."""
    snapshot, columns, where = scanned
    scan = table.scan(snapshot_id=snapshot, selected_fields=tuple(columns))
    return scan.filter(where) if where else scan


def rows_of(table: Table, scan: DataScan, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    """The rows of a data file that are the table's, under the names of the scan's snapshot.

    Through names of pyiceberg's own: its public function holds all batches of a file in memory.
    """
    from pyiceberg.io import pyarrow as of_arrow

    reader = of_arrow.ArrowScan(table.metadata, table.io, scan.projection(), scan.row_filter)
    deletes = of_arrow._read_all_delete_files(table.io, [task])  # noqa: SLF001
    yield from reader._record_batches_from_scan_tasks_and_deletes([task], deletes)  # noqa: SLF001


def schema_of(scan: DataScan) -> pa.Schema:
    """The columns of a scan."""
    from pyiceberg.io.pyarrow import schema_to_pyarrow

    return schema_to_pyarrow(scan.projection(), include_field_ids=False)
