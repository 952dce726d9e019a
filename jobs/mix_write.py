"""The mixture's rows in their order, as files: one object of each part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.mix_shuffle import in_order
from jobs.units import user_errors_marked
from rephrase import storage, tables
from rephrase.records import MIXTURE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from rephrase.mix_settings import Mix

_CHUNK = 8 << 20
_SUMMED_GROUPS = 100  # row groups whose labels are held until they are summed up

_FINGERPRINT_DDL = "path string, bytes long, sha256 string"
COUNTED = ["origin", "source", "recipe", "language", "license", "model", "synthetic_depth", "epoch"]


def write(frame: DataFrame, outputs: Sequence[str], mix: Mix) -> dict[str, tuple[int, str]]:
    """Create one object of each part, and return its bytes and checksum by path."""
    group_rows = mix.row_group_rows

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            current: _Part | None = None
            # A partition holds one part as a rule; where Spark joins small partitions, their parts follow one another.
            for number, rows in in_order(batches):
                if current is None or current.number != number:
                    if current:
                        yield current.commit()
                    current = _Part(number, outputs[number], group_rows)
                current.add(rows)
            if current:
                yield current.commit()

    return _by_path(frame.mapInArrow(body, _FINGERPRINT_DDL))


class _Part:
    """One output object in the making: compressed row groups, the rows of the next one, and counts."""

    def __init__(self, number: int, path: str, group_rows: int) -> None:
        self.number, self._path, self._group_rows = number, path, group_rows
        self._writer = tables.Writer(MIXTURE)
        self._waiting: list[pa.Table] = []
        self._counted: list[pa.Table] = []  # what the notes count, of rows that are not summed up yet

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        while sum(waiting.num_rows for waiting in self._waiting) >= self._group_rows:
            self._flush(self._group_rows)

    def _flush(self, rows: int) -> None:
        waiting = pa.concat_tables(self._waiting)
        group, rest = waiting.slice(0, rows), waiting.slice(rows)
        self._waiting = [rest] if rest.num_rows else []
        ones = pa.array(np.ones(group.num_rows, np.int64))
        self._counted.append(group.select([*COUNTED, "n_tokens"]).append_column("n_rows", ones))
        if len(self._counted) == _SUMMED_GROUPS:
            self._counted = [self._sums()]
        # Contiguous columns: pages, and so the file's bytes, then do not depend on how Spark cut the batches.
        self._writer.add(group.select(MIXTURE.names).cast(MIXTURE).combine_chunks())

    def _sums(self) -> pa.Table:
        """Rows and tokens by all counted columns together."""
        sums = pa.concat_tables(self._counted).group_by(COUNTED).aggregate([("n_tokens", "sum"), ("n_rows", "sum")])
        return sums.rename_columns([name.removesuffix("_sum") for name in sums.column_names])

    def commit(self) -> pa.RecordBatch:
        if self._waiting:
            self._flush(self._group_rows)
        sums = self._sums()
        rows, tokens = (pc.sum(sums.column(name)).as_py() for name in ("n_rows", "n_tokens"))
        data = self._writer.finish({"rows": rows, "tokens": tokens, "counts": {column: _counts(sums, column) for column in COUNTED}})
        if storage.create(self._path, data):
            size, checksum = len(data), hashlib.sha256(data).hexdigest()
        else:  # another try of this task was first, perhaps with another version of the Parquet library
            size, checksum = _fingerprint(self._path)
        return _fingerprint_batch(self._path, size, checksum)


def _counts(sums: pa.Table, column: str) -> list[list[Any]]:
    """Value, rows and tokens: lists, as values may be null or numbers; sorted, so that the same rows give the same bytes."""
    table = sums.group_by(column).aggregate([("n_rows", "sum"), ("n_tokens", "sum")])
    return sorted(([row[column], row["n_rows_sum"], row["n_tokens_sum"]] for row in table.to_pylist()), key=str)


def fingerprints(spark: SparkSession, paths: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Bytes and checksum of objects that an earlier run stored."""
    tasks = list(paths)

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    yield _fingerprint_batch(tasks[number], *_fingerprint(tasks[number]))

    return _by_path(spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(body, _FINGERPRINT_DDL))


def _fingerprint(path: str) -> tuple[int, str]:
    checksum, size = hashlib.sha256(), 0
    with storage.open_stream(path) as stream:
        while data := stream.read(_CHUNK):
            checksum.update(data)
            size += len(data)
    return size, checksum.hexdigest()


def _fingerprint_batch(path: str, size: int, checksum: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"path": [path], "bytes": [size], "sha256": [checksum]})


def _by_path(frame: DataFrame) -> dict[str, tuple[int, str]]:
    return {row["path"]: (row["bytes"], row["sha256"]) for row in frame.toArrow().to_pylist()}
