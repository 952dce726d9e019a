"""An Iceberg table by pyiceberg, without Spark's jars: its own files where they are its rows, copies of the others, file by file.

A file is not its rows where it has deletes, where a column had another name or a default when it was written, where a partition alone has a
column, and where a condition leaves rows out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.base import reason_of
from rephrase.spark.runtime.units import Unit, pending, run_units
from rephrase.spark.stages.input_table.iceberg_catalog import check_condition, loaded, version_of
from rephrase.spark.stages.input_table.iceberg_files import (
    Scanned,
    copy_part,
    info_of,
    of_all_files,
    of_file,
    part_of,
    rows_of,
    scan_of,
    schema_of,
)
from rephrase.spark.stages.input_table.source import Source

if TYPE_CHECKING:
    from pyiceberg.table import DataScan, FileScanTask, Table

    from rephrase.readers.table import InputTable
    from rephrase.spark.runtime.session import LazySession


@dataclass(frozen=True)
class IcebergSource(Source):
    """See `Source`."""

    of: Table

    @override
    def own_files(self) -> tuple[storage.FileInfo, ...] | str:
        reasons = [reason for _, reason in self._tasks if reason]
        if reasons:
            return f"{len(reasons):,} of its {len(self._tasks):,} files are not its rows as they are: {reasons[0]}"
        return tuple(info_of(task) for task, _ in self._tasks)

    @override
    def copied(self, spark: LazySession, folder: str, file_bytes: int) -> tuple[storage.FileInfo, ...]:
        del file_bytes  # a file of the table is one of the copy
        parts = [part_of(task, self.table.name) for task, reason in self._tasks if reason]
        units = [Unit(storage.join(folder, f"{number:05d}.parquet"), part) for number, part in enumerate(parts)]
        # The settings of the catalog may hold keys: they travel in the function, and lie in no file.
        work = functools.partial(
            copy_part,
            metadata=self.of.metadata_location,
            settings=dict(self.of.io.properties),
            scanned=self._scanned,
        )
        run_units(spark.get(), pending(units, folder), work, folder, about="rows of an Iceberg table")
        made = {file.path: file for file in storage.list_files(folder)}
        own = [info_of(task) for task, reason in self._tasks if not reason]
        return (*own, *(made[unit.output] for unit in units))

    @override
    def first_rows(self, number: int) -> pa.Table:
        batches: list[pa.RecordBatch] = []
        rows = 0
        for task, _ in self._tasks:
            for batch in rows_of(self.of, self._scan, task):
                batches.append(batch.slice(0, number - rows))
                rows += batches[-1].num_rows
                if rows >= number:
                    return pa.Table.from_batches(batches)
        return pa.Table.from_batches(batches) if batches else schema_of(self._scan).empty_table()

    @override
    def count(self) -> int:
        return sum(int(task.file.record_count) for task, _ in self._tasks)

    @property
    def _scan(self) -> DataScan:
        return scan_of(self.of, self._scanned)

    @functools.cached_property
    def _scanned(self) -> Scanned:
        # A column that was renamed after the last snapshot has its new name, but for those who ask for the table as it was.
        is_asked = self.table.version is not None or self.table.timestamp is not None
        current = self.of.current_snapshot()
        is_current = not self.version or (current is not None and str(current.snapshot_id) == self.version)
        snapshot = None if is_current and not is_asked else int(self.version)
        schema = self.of.scan(snapshot_id=snapshot).projection()
        columns = tuple(self.there([field.name for field in schema.fields]).values())
        if self.table.where is not None:
            check_condition(self.table.where, schema)
        return snapshot, columns, self.table.where

    @functools.cached_property
    def _tasks(self) -> list[tuple[FileScanTask, str]]:
        """The data files in the order of their paths, each with the reason why it is not its rows; empty where it is."""
        if not self.version:
            return []
        scan = self._scan
        try:
            tasks = sorted(scan.plan_files(), key=lambda task: task.file.file_path)
        except Exception as error:  # pyiceberg's own, of stores and catalogs
            cure = "who runs this must be allowed to read its store; tables with equality deletes, Spark reads: take `format` out"
            raise UserError(f"the files of the table cannot be told: {reason_of(error)}", where=self.table.name, cure=cure) from error
        of_all, told_by_partitions = of_all_files(self.of, scan)
        of_all = "`copy_rows`" if self.table.copy_rows else of_all
        return [(task, of_all or of_file(task, told_by_partitions)) for task in tasks]


def iceberg_source(table: InputTable, columns: tuple[str, ...], text: tuple[str, ...], version: str | None) -> IcebergSource:
    """The table as pyiceberg reads it. Raises `UserError` for a catalog, a table or a version that is not there, and without pyiceberg."""
    of = loaded(table.name)
    return IcebergSource(table, columns, text, version_of(of, table) if version is None else version, of)
