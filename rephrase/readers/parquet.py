"""Parquet files, row group by row group."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from rephrase import storage
from rephrase.readers.base import Item, ReadError, reason_of
from rephrase.readers.fields import FieldReader
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input

_BATCH_ROWS = 256  # texts are long; a batch is turned into Python objects as a whole


@readers.register("parquet")
class Parquet(Reader):
    """Parquet, a document a row. `input.fields` says what is in which column."""

    title = "Parquet"
    endings = (".parquet", ".pq")

    @override
    def begins(self, head: bytes) -> bool:
        return head.startswith(b"PAR1")

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        return _rows(file.path, config)


def _rows(file: str, config: Input) -> Iterator[Item]:
    """The documents of one file, a row each. What cannot be read of a row group, and a bad row, is a `ReadError` with its row, from 0."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = FieldReader(config.fields)
    with storage.open_random(file) as stream:
        try:
            source = pq.ParquetFile(stream)
        except pa.ArrowException as error:
            yield ReadError(file, 0, "row", f"not a readable Parquet file: {reason_of(error)}")
            return
        with source:
            present = set(source.schema_arrow.names)
            columns = [name for name in fields.columns if name in present]
            first = 0
            for group in range(source.num_row_groups):
                row = first
                first += source.metadata.row_group(group).num_rows
                try:
                    for batch in source.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
                        for values in batch.to_pylist():
                            try:
                                yield fields.document(values)
                            except ValueError as error:
                                yield ReadError(file, row, "row", str(error))
                            row += 1
                # Arrow says OSError for damaged pages and ValueError for text that is not UTF-8.
                except (pa.ArrowException, OSError, ValueError) as error:
                    if isinstance(error, ConnectionError):
                        raise
                    yield ReadError(file, row, "row", f"rows {row} to {first - 1} are damaged: {reason_of(error)}")
