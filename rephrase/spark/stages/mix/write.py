"""The mixture's rows in their order, as files: one object of each part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import labels, storage
from rephrase.notes import MixtureNote
from rephrase.records import MIXTURE
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.mix.exchange import ROWS, Exchange
from rephrase.storage import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.mixing.settings import Mix
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.runtime.progress import StageProgress

_CHUNK = 8 << 20
_SUMMED_GROUPS = 100  # row groups whose labels are held until they are summed up

_FINGERPRINT_DDL = "path string, bytes long, sha256 string"
_MOST_FILES = 16  # of a task on S3, whose temporary file then holds so many files' rows
_MANY_TASKS = 256

COUNTED = ["origin", "source", "recipe", "language", "license", "model", "synthetic_depth", "epoch"]
_COUNTED = pa.schema([*(ROWS.field(name) for name in [*COUNTED, "n_tokens"]), ("n_rows", pa.int64())])


def write(
    job: Job, units: Sequence[Unit[int]], exchange: Exchange, mix: Mix, progress: StageProgress | None = None
) -> dict[str, tuple[int, str]]:
    """Create the object of each unit, whose payload is the number of the file, and return their bytes and checksums by path."""
    spans = _spans(units, _most_at_once(units[0].output, len(units)))
    group_rows = mix.row_group_rows

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for path, size, checksum in _objects_of(spans[number], exchange, group_rows):
                    yield _fingerprint_batch(path, size, checksum)

    return _by_path(job, job.spark.range(0, len(spans), 1, len(spans)).mapInArrow(job.reporting(body), _FINGERPRINT_DDL), progress)


def _most_at_once(path: str, files: int) -> int:
    """Files that a task writes: in a store several, so that it asks for longer ranges, as long as there are many tasks."""
    return 1 if storage.is_local(path) else max(1, min(_MOST_FILES, files // _MANY_TASKS))


def _spans(units: Sequence[Unit[int]], most: int) -> list[list[Unit[int]]]:
    """The units by runs of consecutive numbers, none longer than `most`."""
    spans: list[list[Unit[int]]] = []
    for unit in units:
        if not spans or len(spans[-1]) == most or spans[-1][-1].payload + 1 != unit.payload:
            spans.append([])
        spans[-1].append(unit)
    return spans


def _objects_of(units: Sequence[Unit[int]], exchange: Exchange, group_rows: int) -> Iterator[tuple[str, int, str]]:
    """Path, bytes and checksum of each object, made where it is not there."""
    try:
        for unit, stretches in zip(units, exchange.read(units[0].payload, units[-1].payload + 1), strict=True):
            with exchange.draft() as local:
                part = _Part(local, group_rows)
                for rows in stretches:
                    part.add(rows)
                created = part.commit(unit.output)
                # Another try of this task may have been first, perhaps with another version of the Parquet library.
                yield unit.output, *_fingerprint(local if created else unit.output)
    except FileNotFoundError:  # another driver has ended the same run meanwhile, or the exchange is broken
        if not all(storage.exists(unit.output) for unit in units):
            raise
        for unit in units:
            yield unit.output, *_fingerprint(unit.output)


class _Part:
    """One output object in the making: a local file, the rows of its next row group, and counts."""

    def __init__(self, local: str, group_rows: int) -> None:
        self._group_rows = group_rows
        self._writer = tables.Writer(MIXTURE, local)
        self._waiting: list[pa.Table] = []
        self._labels: labels.Counts = {}
        self._counted = [_COUNTED.empty_table()]  # what the notes count, of rows that are not summed up yet

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        while sum(waiting.num_rows for waiting in self._waiting) >= self._group_rows:
            self._flush(self._group_rows)

    def _flush(self, rows: int) -> None:
        waiting = pa.concat_tables(self._waiting)
        group, rest = waiting.slice(0, rows), waiting.slice(rows)
        self._waiting = [rest] if rest.num_rows else []
        ones = pa.array(np.ones(group.num_rows, np.int64))
        self._counted.append(group.select(_COUNTED.names[:-1]).append_column("n_rows", ones))
        self._labels = labels.summed([self._labels, labels.counted(group)])
        if len(self._counted) > _SUMMED_GROUPS:
            self._counted = [self._sums()]
        # Contiguous columns: pages, and so the file's bytes, then do not depend on where stretches begin.
        self._writer.add(group.select(MIXTURE.names).cast(MIXTURE).combine_chunks())

    def _sums(self) -> pa.Table:
        """Rows and tokens by all counted columns together."""
        sums = pa.concat_tables(self._counted).group_by(COUNTED, use_threads=False).aggregate([("n_tokens", "sum"), ("n_rows", "sum")])
        return sums.rename_columns([name.removesuffix("_sum") for name in sums.column_names])

    def commit(self, path: str) -> bool:
        """End the object and store it."""
        if self._waiting:
            self._flush(self._group_rows)
        sums = self._sums()
        rows, tokens = (pc.sum(sums.column(name), min_count=0).as_py() for name in ("n_rows", "n_tokens"))
        by_label = {name: list(values) for name, values in self._labels.items()}
        note = MixtureNote(rows=rows, tokens=tokens, counts={column: _counts(sums, column) for column in COUNTED}, labels=by_label)
        return self._writer.commit(path, note)


def _counts(sums: pa.Table, column: str) -> list[tuple[Any, int, int]]:
    """Value, rows and tokens; sorted, so that the same rows give the same bytes."""
    table = sums.group_by(column).aggregate([("n_rows", "sum"), ("n_tokens", "sum")])
    return sorted(((row[column], row["n_rows_sum"], row["n_tokens_sum"]) for row in table.to_pylist()), key=str)


def fingerprints(job: Job, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Bytes and checksum of objects that an earlier run stored."""
    tasks = list(paths)

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield _fingerprint_batch(tasks[number], *_fingerprint(tasks[number]))

    return _by_path(job, job.spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(job.reporting(body), _FINGERPRINT_DDL))


def _fingerprint(path: str) -> tuple[int, str]:
    checksum, size = hashlib.sha256(), 0
    with storage.open_stream(path) as stream:
        while data := stream.read(_CHUNK):
            checksum.update(data)
            size += len(data)
    return size, checksum.hexdigest()


def _fingerprint_batch(path: str, size: int, checksum: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"path": [path], "bytes": [size], "sha256": [checksum]})


def _by_path(job: Job, frame: DataFrame, progress: StageProgress | None = None) -> dict[str, tuple[int, str]]:
    return {row["path"]: (row["bytes"], row["sha256"]) for row in job.run(frame.toArrow, progress).to_pylist()}
