"""Parquet files, row group by row group."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers.arrow_values import rows_of
from rephrase.readers.base import Item, ReadError, reason_of
from rephrase.readers.fields import FieldReader
from rephrase.readers.partitions import partitions_of
from rephrase.readers.registry import Reader, readers
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice

if TYPE_CHECKING:
    import pyarrow as pa

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
    def rows(self, file: storage.FileInfo) -> Iterator[dict[str, Any]]:
        import pyarrow.parquet as pq

        with (
            storage.open_random(file.path) as stream,
            contextlib.suppress(OSError, ValueError),
        ):  # Arrow's errors of damaged files are these
            # Who asks for the first rows alone leaves no thread of Arrow's behind that still reads.
            for batch in pq.ParquetFile(stream, pre_buffer=False).iter_batches(_BATCH_ROWS, use_threads=False):
                yield from ({**partitions_of(file.path), **row} for row in rows_of(batch) if not isinstance(row, Exception))

    @override
    def read(self, file: storage.FileInfo, config: Input) -> Iterator[Item]:
        return _rows(Slice(file), config)

    @override
    def cuts(self, file: storage.FileInfo, size: int) -> Sequence[int]:
        """Row groups."""
        import pyarrow.parquet as pq

        try:
            with storage.open_random(file.path) as stream:
                about = pq.ParquetFile(stream, pre_buffer=False).metadata
                sizes = [about.row_group(group).total_byte_size for group in range(about.num_row_groups)]
        except (UserError, FileNotFoundError):
            raise
        except Exception:  # noqa: BLE001  # a damaged footer makes Arrow raise many things; the task that reads the file tells
            return ()
        share = size / file.size * sum(sizes)  # of what the row groups say, as they are not compressed
        cuts, full = [], share
        for group, before in enumerate(itertools.accumulate(sizes[:-1]), 1):
            if before >= full:
                cuts.append(group)
                full = before + share
        return cuts

    @override
    def read_slice(self, part: Slice, config: Input) -> Iterator[Item]:
        return _rows(part, config)


def _rows(part: Slice, config: Input) -> Iterator[Item]:
    """The documents of row groups, a row each. What cannot be read of a row group, and a bad row, is a `ReadError` with its row, from 0."""
    import pyarrow.parquet as pq

    file = part.file.path
    with storage.open_random(file) as stream, contextlib.ExitStack() as stack:
        try:
            source = stack.enter_context(pq.ParquetFile(stream, pre_buffer=not storage.is_local(file)))
            schema = source.schema_arrow
        except (UserError, FileNotFoundError):
            raise
        except Exception as error:  # noqa: BLE001  # a damaged footer makes Arrow raise many things
            yield ReadError(file, 0, "row", f"not a readable Parquet file: {reason_of(error)}")
            return
        fields = FieldReader(config.fields, partitions_of(file), _names_in(schema))
        columns = [name for name in fields.columns if name in schema.names]
        fault = next((f"there are two columns `{name}`" for name in columns if schema.names.count(name) > 1), "")
        if not set(columns).intersection(fields.text_columns):
            fault = fields.missing(_names_in(schema))
        if fault:
            yield ReadError(file, 0, "row", fault)
            return
        groups = range(source.num_row_groups)[part.start : part.end]
        first = sum(source.metadata.row_group(group).num_rows for group in range(part.start))
        for group in groups:
            row, first = first, first + source.metadata.row_group(group).num_rows
            try:
                for batch in source.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
                    for values in rows_of(batch):
                        if isinstance(values, Exception):
                            yield ReadError(file, row, "row", reason_of(values))
                        else:
                            yield fields.item(values, file, row, "row")
                        row += 1
            except (UserError, FileNotFoundError):
                raise
            except Exception as error:  # noqa: BLE001  # damaged pages make Arrow raise many things
                yield ReadError(file, row, "row", f"rows {row} to {first - 1} (row group {group}) are damaged: {reason_of(error)}")
            else:
                if row < first:
                    yield ReadError(file, row, "row", f"rows {row} to {first - 1} (row group {group}) are not there")


def _names_in(schema: pa.Schema) -> list[str]:
    """The columns, and the fields of those that are objects."""
    import pyarrow as pa

    names: list[str] = []
    for column in schema:
        names += [f"{column.name}.{inner.name}" for inner in column.type] if pa.types.is_struct(column.type) else [column.name]
    return names
