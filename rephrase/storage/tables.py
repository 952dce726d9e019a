"""Parquet objects with their statistics inside.

A table is a folder of objects, each written whole by one unit of work. The footer of each carries a note on what the unit did (rows,
tokens, seconds …; see `rephrase.notes`), so that plans, progress and summaries come from footers alone.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from rephrase import storage
from rephrase.errors import UserError
from rephrase.notes import Note

SomeNote = TypeVar("SomeNote", bound=Note)
Result = TypeVar("Result")
Place = TypeVar("Place")

DATA = "data"  # holds Parquet alone where other files lie beside, as most readers want all of a folder to be Parquet

_NOTE = b"rephrase"
# Reading takes no Arrow threads (use_threads=False): Spark runs a task on each core already, and a thread of Arrow's pool that lets go of a
# Python file object while the interpreter shuts down aborts the process.
_PLAIN = ("id", "ids", "input_ids", "text", "document_id", "prompt", "completion", "url")
_GAP = 128 << 10  # bytes that come from a store in less time than another request takes
_READERS = 16  # footers are small and far away: read many at once
_FOOTERS = 1024  # asked for ahead of those who take them; memory holds no more


@dataclass(frozen=True, slots=True)
class Footer(Generic[SomeNote]):
    """What a table object says of itself: rows of each row group, and the note of the unit that wrote it."""

    path: str
    row_groups: tuple[int, ...]
    note: SomeNote

    @property
    def rows(self) -> int:
        """Rows of the object."""
        return sum(self.row_groups)


def encode(table: pa.Table, note: Note | None = None, row_groups: Sequence[int] | None = None) -> bytes:
    """A zstd Parquet file as bytes. `row_groups` are the rows of each row group; by default all rows form one."""
    sizes = row_groups or [table.num_rows]
    schema = table.schema.with_metadata({_NOTE: note.to_json()} if note is not None else None)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", **_encodings(schema)) as writer:
        at = 0
        for size in sizes:
            writer.write_table(table.slice(at, size).replace_schema_metadata(schema.metadata), row_group_size=max(size, 1))
            at += size
    assert at == table.num_rows, "row groups must cover the table"
    return bytes(sink.getvalue())


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Arguments of a Parquet writer: a dictionary or statistics of texts, ids and tokens would be work for nothing."""
    columns = [leaf for field in schema for leaf in _leaves(field) if field.name not in _PLAIN]
    return {"use_dictionary": columns, "write_statistics": columns, "write_page_checksum": True}


def _leaves(field: pa.Field) -> list[str]:
    if pa.types.is_map(field.type):
        return [f"{field.name}.key_value.key", f"{field.name}.key_value.value"]
    return [f"{field.name}.list.element"] if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type) else [field.name]


class Writer:
    """A Parquet object written row group by row group: memory holds what is compressed, or nothing where it goes to a `local` file.

    `add` appends rows as one row group, `commit` ends the object and stores it unless it is there already.
    """

    def __init__(self, schema: pa.Schema, local: str | None = None) -> None:
        self._local, self._memory = local, pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(local or self._memory, schema, compression="zstd", **_encodings(schema))

    def add(self, table: pa.Table) -> None:
        """Append the rows as one row group; nothing where there are none."""
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)

    def end(self, about: Mapping[str, str]) -> bytes:
        """End the object, with this in its footer: what is in memory, for who stores it otherwise."""
        self._writer.add_key_value_metadata(dict(about))
        self._writer.close()
        return bytes(self._memory.getvalue())

    def commit(self, path: str, note: Note | None = None) -> bool:
        """End the object, with the note in its footer, and store it (see `storage.create`)."""
        if note is not None:
            self._writer.add_key_value_metadata({_NOTE.decode(): note.to_json().decode()})
        self._writer.close()
        return storage.create_from(path, self._local) if self._local else storage.create(path, memoryview(self._memory.getvalue()))


def commit(path: str, table: pa.Table, note: Note | None = None, row_groups: Sequence[int] | None = None) -> bool:
    """Store the table as one object unless it is there already (see `storage.create`)."""
    return storage.create(path, encode(table, note, row_groups))


def footer(path: str | storage.FileInfo, kind: type[SomeNote]) -> Footer[SomeNote]:
    """Read the footer of an object with a note of this kind. One request; two, unless a listing tells the size.

    Raises `UserError` where there is no such note, and what `opened` raises, as all that read a table do.
    """
    if not isinstance(path, str):
        with contextlib.suppress(UserError):  # it may have been replaced by one of another size
            return _footer(path.path, kind, path.size)
        path = path.path
    return _footer(path, kind)


def _footer(path: str, kind: type[SomeNote], size: int | None = None) -> Footer[SomeNote]:
    with _opened(path, size=size) as (_, file):
        groups, about = _row_groups(file), file.metadata.metadata or {}
    if _NOTE not in about:
        raise UserError("its footer has no note: no stage wrote this file", where=path, cure="remove it from the folder of the run")
    return Footer(path, groups, kind.from_json(about[_NOTE], path))


def footers(paths: Iterable[str | storage.FileInfo], kind: type[SomeNote]) -> Iterator[Footer[SomeNote]]:
    """Footers of many objects with notes of one kind, in order, read side by side."""
    return _side_by_side(lambda path: footer(path, kind), paths)


def footers_there(paths: Iterable[str | storage.FileInfo], kind: type[SomeNote]) -> Iterator[Footer[SomeNote]]:
    """As `footers`, without those of objects that have gone since they were listed: another driver may remove what lies between passes."""

    def read_one(path: str | storage.FileInfo) -> Footer[SomeNote] | None:
        try:
            return footer(path, kind)
        except FileNotFoundError:
            return None

    return (there for there in _side_by_side(read_one, paths) if there is not None)


def row_groups(path: str) -> tuple[int, ...]:
    """Rows of each row group of a Parquet file of anyone."""
    with opened(path) as file:
        return _row_groups(file)


def rows_of(paths: Iterable[str]) -> Iterator[int]:
    """Rows of many Parquet files, in order, read side by side."""
    return (sum(groups) for groups in _side_by_side(row_groups, paths))


def largest(paths: Sequence[str], column: str) -> int | None:
    """The largest value of a column of numbers in many objects, by their footers; None where one does not tell, or there are none."""
    values = list(_side_by_side(lambda path: _largest(path, column), paths))
    return None if None in values else max((value for value in values if value is not None), default=None)


def _largest(path: str, column: str) -> int | None:
    with opened(path) as file:
        groups = [file.metadata.row_group(group) for group in range(file.num_row_groups)]
        chunks = [next((c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column), None) for group in groups]
        known = [chunk.statistics if chunk is not None else None for chunk in chunks]
        values = [int(statistics.max) for statistics in known if statistics is not None and statistics.has_min_max]
    return max(values, default=0) if len(values) == len(known) else None


def check_readable(paths: Iterable[str]) -> None:
    """Raise what `opened` raises where one of many files is no Parquet, or is not there."""
    for _ in _side_by_side(row_groups, paths):
        pass


def _row_groups(file: pq.ParquetFile) -> tuple[int, ...]:
    return tuple(file.metadata.row_group(number).num_rows for number in range(file.num_row_groups))


def _side_by_side(read_one: Callable[[Place], Result], paths: Iterable[Place]) -> Iterator[Result]:
    waiting = iter(paths)
    with ThreadPoolExecutor(_READERS) as pool:
        while some := list(itertools.islice(waiting, _FOOTERS)):
            yield from pool.map(read_one, some)


def objects(folder: str) -> list[str]:
    """The table's objects, sorted: the Parquet files that stand directly in its folder or in its `data/`."""
    return [file.path for file in files(folder)]


def files(folder: str) -> Iterator[storage.FileInfo]:
    """The same with their sizes, one after the other."""
    start = len(folder.rstrip("/")) + 1
    listed = (file for file in storage.list_files(folder) if file.path.endswith(".parquet"))
    return (file for file in listed if file.path[start:].rpartition("/")[0] in ("", DATA))


def read_row_group(path: str, row_group: int, edition: str) -> pa.Table:
    """Rows of one row group of an object: one request, where this process has read of the object before.

    Its footer is kept for the next call, for as long as the `edition` is the same: the name of a job in which the object stays as it is.
    """
    size, metadata = _footer_of(path, edition)
    with _opened(path, size=size, metadata=metadata) as (stream, file):
        _read_ahead(stream, file, [row_group], None)
        return file.read_row_group(row_group, use_threads=False)


@functools.lru_cache(maxsize=4)  # a task for each row group of an object comes to the same few workers
def _footer_of(path: str, _edition: str) -> tuple[int | None, pq.FileMetaData]:
    with _opened(path) as (stream, file):
        return stream.seek(0, io.SEEK_END) if stream else None, file.metadata


def read(path: str, columns: list[str] | None = None, row_group: int | None = None) -> pa.Table:
    """Rows of one object, or of one of its row groups."""
    with _opened(path) as (stream, file):
        groups = range(file.num_row_groups) if row_group is None else [row_group]
        _read_ahead(stream, file, groups, columns)
        return file.read(columns, use_threads=False) if row_group is None else file.read_row_group(row_group, columns, use_threads=False)


def read_row_groups(path: str, columns: list[str] | None = None, size: int = 1) -> Iterator[pa.Table]:
    """The row groups of one object, one after the other, with one opening of it; small ones together, until they have `size` bytes."""
    with _opened(path) as (stream, file):
        waiting: list[int] = []
        read = 0
        for group in range(file.num_row_groups):
            waiting.append(group)
            read += file.metadata.row_group(group).total_byte_size
            if read >= size or group + 1 == file.num_row_groups:
                _read_ahead(stream, file, waiting, columns)
                yield file.read_row_groups(waiting, columns, use_threads=False)
                waiting, read = [], 0


@contextlib.contextmanager
def opened(path: str, cure: str = "remove the file or restore it") -> Iterator[pq.ParquetFile]:
    """A Parquet file of ours or of anyone, to read from within the block.

    Raises `UserError` with this cure where it turns out to be none, and FileNotFoundError.
    """
    with _opened(path, cure) as (_, file):
        yield file


@contextlib.contextmanager
def _opened(
    path: str, cure: str = "remove the file or restore it", *, size: int | None = None, metadata: pq.FileMetaData | None = None
) -> Iterator[tuple[BinaryIO | None, pq.ParquetFile]]:
    """A Parquet file and the stream of its bytes, of which ranges can be read ahead; None where it is on disk.

    `size` and `metadata`: its bytes and its footer, where they are known.
    """
    try:
        with contextlib.ExitStack() as stack:
            # A file that a thread of Arrow's could still be reading when Python ends would end it by an abort: see `_read_ahead`.
            stream = None if storage.is_local(path) else stack.enter_context(storage.open_random(path, size))
            if stream is None:
                stack.enter_context(storage.readable(path))
            file = pq.ParquetFile(stream or path, metadata=metadata, pre_buffer=False, page_checksum_verification=True)
            yield stream, stack.enter_context(file)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):  # the file system's, or the network's
            raise
        raise UserError(f"not a readable Parquet file: {error}", where=path, cure=cure) from error


def _read_ahead(stream: BinaryIO | None, file: pq.ParquetFile, groups: Iterable[int], columns: Sequence[str] | None) -> None:
    """Ask for all that these columns (None: all) take of row groups, many ranges at once, unless it is on disk.

    It is what Arrow calls pre-buffering, by threads that have ended when it returns. The file must be one of ours: with some damaged
    footers, Arrow ends the process where it is asked about columns.
    """
    if stream is None:
        return
    chunks = [group.column(number) for group in map(file.metadata.row_group, groups) for number in range(group.num_columns)]
    ranges: list[tuple[int, int]] = []
    for chunk in chunks:
        if columns is None or chunk.path_in_schema.split(".", 1)[0] in columns:
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            end = start + chunk.total_compressed_size
            if ranges and start - ranges[-1][1] < _GAP:  # what a small gap parts is one range
                start, _ = ranges.pop()
            ranges.append((start, end))
    storage.read_ahead(stream, ranges)


def read_folder(folder: str, columns: list[str] | None = None) -> pa.Table:
    """A whole small table. For reports, examples and tests; stages work object by object."""
    parts = [read(path, columns).replace_schema_metadata(None) for path in objects(folder)]
    if not parts:
        raise UserError("the table is empty or missing", where=folder, cure="run the stage that writes it")
    return pa.concat_tables(parts, promote_options="default")  # an object of an earlier version may lack a column
