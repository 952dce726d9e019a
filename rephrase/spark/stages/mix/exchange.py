"""What the mix stage's tasks hand on: an object of each pack of inputs, with its rows by where they stand in the mixture.

Through Spark's own shuffle each text would be copied four times more: to the JVM, to its file, to the JVM that fetches it, and from it.
An object also stays when its executor is lost or its run is killed.

An object says where each stretch of the mixture begins in it, and its checksum, and where the last one ends; then come the rows of each
stretch, as Arrow messages without their schema, which is always ROWS. So a file's rows are one range of each object. Objects on disk are
not flushed, which would take longer than to make anew the few that a power cut damages.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.errors import UserError
from rephrase.names import ARROWS, ExchangeName
from rephrase.records import UNWRITTEN
from rephrase.spark.stages.meaning import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.mixing.plan import Plan
    from rephrase.mixing.settings import Mix
    from rephrase.spark.stages.mix.inputs import Inputs

_FOLDER = "_exchange"
_STRETCH_TOKENS = 2_000_000  # about 10 MB of text, which a task decodes and sorts at once
_STRETCHES = 4096  # more would make small messages of a pack's rows: files are then sorted in larger stretches
_GATHERED_BYTES = 16 << 20  # of rows that a task sorts at once, at least
_MESSAGE_BYTES = 16 << 10  # of rows of one stretch, at least in the mean: a message has a kilobyte of its own
_LAYOUT = 4  # of objects: another number for each change
# `sum` is that of all 64-bit words: it takes no time, and tells what was not stored.
_STRETCH = np.dtype([("start", "<i8"), ("sum", "<u8")])
_WORD = np.dtype("<u8")
_READERS = 16  # ranges are small, and on S3 far away: many are read at once

# The mixture's columns, what the notes count beside them, and where a row goes.
ROWS = pa.schema([*UNWRITTEN, ("language", pa.string()), ("place", pa.int64())])


class _Section(NamedTuple):
    """Messages of some of a pack's rows: of each of the stretches `numbers` one, `data[offsets[i] : offsets[i + 1]]`."""

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    data: pa.Buffer


@dataclass(frozen=True, slots=True)
class Exchange:
    """The objects of all packs of a mixture of so many files, each of which is cut into so many stretches."""

    folder: str
    packs: int
    files: int
    stretches: int

    @classmethod
    def of(cls, folder: str, inputs: Inputs, mix: Mix, plan: Plan) -> Exchange:
        """The exchange of a mixture, below its folder. What another version of this program would cut otherwise lies elsewhere."""
        files = sum(plan.files)
        stretches = max(1, min(-(-mix.file_tokens // _STRETCH_TOKENS), _STRETCHES // files))
        return cls(storage.join(folder, _FOLDER, digest([_LAYOUT, inputs.packs, files, stretches])), len(inputs.packs), files, stretches)

    @staticmethod
    def remove(folder: str) -> None:
        """Remove what lies below the mixture's folder."""
        storage.remove_folder(storage.join(folder, _FOLDER))

    def stored(self) -> dict[int, storage.FileInfo]:
        """The object of each pack that has one."""
        return {ExchangeName.of(file.path).pack: file for file in storage.list_files(self.folder) if file.path.endswith(ARROWS)}

    def there(self) -> frozenset[int]:
        """The packs that have a whole object. One that was cut off is removed; only a disk has such."""
        stored = self.stored()
        cut_off = {pack: file for pack, file in stored.items() if not self._is_whole(file)} if storage.is_local(self.folder) else {}
        for file in cut_off.values():
            storage.delete(file.path)
        return frozenset(stored.keys() - cut_off.keys())

    def _is_whole(self, file: storage.FileInfo) -> bool:
        end = bytearray(_STRETCH.itemsize)
        try:
            storage.read_into(file.path, _STRETCH.itemsize * self.files * self.stretches, memoryview(end))
        except (EOFError, FileNotFoundError):  # another driver may have ended the same run meanwhile
            return False
        return bool(np.frombuffer(end, _STRETCH)["start"][0] == file.size)

    def store(self, pack: int, tables: Iterable[pa.Table]) -> None:
        """Create a pack's object. tables: its rows, as ROWS and `stretch`, counted over all files."""
        sections, waiting, size = [], [], 0
        enough = max(_GATHERED_BYTES, self.files * self.stretches * _MESSAGE_BYTES)
        for table in tables:
            waiting.append(table)
            size += table.nbytes
            if size >= enough:
                sections.append(self._section(waiting))
                waiting, size = [], 0
        if waiting:
            sections.append(self._section(waiting))
        lengths = np.zeros(self.files * self.stretches, np.int64)
        head = np.zeros(len(lengths) + 1, _STRETCH)
        messages = []
        for number, (stretches, offsets, data) in enumerate(sections):
            lengths[stretches] += np.diff(offsets)
            words = np.frombuffer(data, _WORD, offsets[-1] // _WORD.itemsize)
            head["sum"][stretches] += np.add.reduceat(words, offsets[:-1] // _WORD.itemsize)
            spans = zip(stretches.tolist(), itertools.pairwise(offsets.tolist()), strict=True)
            messages += [(stretch, number, memoryview(data)[start:end]) for stretch, (start, end) in spans]
        messages.sort(key=lambda message: message[:2])
        head["start"] = np.cumsum([head.nbytes, *lengths])
        storage.create(self._path(pack), head.tobytes(), *(message for *_, message in messages), durable=False)

    def _section(self, tables: Sequence[pa.Table]) -> _Section:
        table = pa.concat_tables(tables)
        stretches = table.column("stretch").to_numpy()
        order = np.argsort(stretches, kind="stable")
        numbers, starts = np.unique(stretches[order], return_index=True)
        rows = table.drop_columns(["stretch"]).take(pa.array(order)).combine_chunks()
        parts = [rows.slice(start, end - start).to_batches()[0] for start, end in itertools.pairwise([*starts.tolist(), len(order)])]
        # A compressed buffer can be a little larger than the plain one.
        room = sum(pa.ipc.get_record_batch_size(part) * 1.01 + 4096 for part in parts)
        data = pa.allocate_buffer(int(room) + (64 << 10))
        sink = pa.FixedSizeBufferWriter(data)
        stream = pa.ipc.new_stream(sink, ROWS, options=pa.ipc.IpcWriteOptions(compression=None if storage.is_local(self.folder) else "lz4"))
        offsets = [ROWS.serialize().size]  # which goes before the first message
        for part in parts:
            stream.write_batch(part)
            offsets.append(sink.tell())
        return _Section(numbers, np.array(offsets, np.int64), data)

    @contextlib.contextmanager
    def draft(self) -> Iterator[str]:
        """Where to write a file before it is stored: a path of the mixture's own file system where that is local. It goes afterwards."""
        folder = self.folder if storage.is_local(self.folder) else _executor_folder() or tempfile.gettempdir()
        path = os.path.join(folder, f"draft-{uuid.uuid4().hex}")
        try:
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def read(self, first: int, last: int) -> Iterator[Iterator[pa.Table]]:
        """The rows of each of the files first … last - 1 in their order, a table of each stretch that has any.

        From a store the objects' ranges come at once, to a temporary file, so that there are no more requests than twice the packs.
        """
        numbers = range(first * self.stretches, last * self.stretches)
        with ThreadPoolExecutor(_READERS) as pool:
            heads = list(pool.map(lambda pack: self._head(pack, numbers), range(self.packs)))
            with contextlib.nullcontext(self._read) if storage.is_local(self.folder) else self._spooled(heads, pool) as read:
                for at in range(0, len(numbers), self.stretches):
                    yield self._tables(read, [head[at : at + self.stretches + 1] for head in heads])

    @contextlib.contextmanager
    def _spooled(self, heads: Sequence[NDArray[np.void]], pool: ThreadPoolExecutor) -> Iterator[_Read]:
        """The ranges that `heads` tell of, in a temporary file."""
        edges = np.stack([head["start"][[0, -1]] for head in heads])  # shape (packs, 2)
        shifts = (np.cumsum(edges[:, 1] - edges[:, 0]) - edges[:, 1]).tolist()
        with tempfile.TemporaryFile(dir=_executor_folder()) as spool:

            def fetch(pack: int) -> None:
                start, end = edges[pack].tolist()
                if start < end:
                    data = bytearray(end - start)
                    self._read(pack, start, memoryview(data))
                    os.pwrite(spool.fileno(), data, start + shifts[pack])

            for _ in pool.map(fetch, range(self.packs)):
                pass
            yield lambda pack, start, buffer: os.preadv(spool.fileno(), [buffer], start + shifts[pack])

    def _tables(self, read: _Read, heads: Sequence[NDArray[np.void]]) -> Iterator[pa.Table]:
        starts = np.stack([head["start"] for head in heads])  # shape (packs, stretches + 1)
        lengths = np.diff(starts)
        # One buffer for all: memory that is new costs more than what is read into it.
        data = bytearray(int(lengths.sum(axis=0).max()))
        view, buffer = memoryview(data), pa.py_buffer(data)
        for stretch in range(lengths.shape[1]):
            at = 0
            batches: list[pa.RecordBatch] = []
            for pack in np.flatnonzero(lengths[:, stretch]).tolist():
                end = at + int(lengths[pack, stretch])
                read(pack, int(starts[pack, stretch]), view[at:end])
                if np.frombuffer(view[at:end], _WORD).sum() != heads[pack]["sum"][stretch]:
                    raise self._damaged(pack)
                batches += _batches(buffer.slice(at, end - at))
                at = end
            if batches:
                yield _in_order(pa.Table.from_batches(batches))

    def _head(self, pack: int, numbers: range) -> NDArray[np.void]:
        """What a pack's object says of these stretches, and where the next one begins."""
        data = bytearray(_STRETCH.itemsize * (len(numbers) + 1))
        self._read(pack, _STRETCH.itemsize * numbers.start, memoryview(data))
        head = np.frombuffer(data, _STRETCH)
        if (np.diff(head["start"], prepend=_STRETCH.itemsize * (self.files * self.stretches + 1)) < 0).any():
            raise self._damaged(pack)
        return head

    def _read(self, pack: int, start: int, buffer: memoryview) -> None:
        try:
            storage.read_into(self._path(pack), start, buffer)
        except EOFError as error:
            raise self._damaged(pack) from error

    def _damaged(self, pack: int) -> UserError:
        """The error that a pack's object is damaged. It is removed, so that the next run makes it anew."""
        storage.delete(self._path(pack))
        return UserError("the file was damaged, and is removed", where=self._path(pack), cure="run again, which makes it anew")

    def _path(self, pack: int) -> str:
        return storage.join(self.folder, str(ExchangeName(pack)))


_Read = Callable[[int, int, memoryview], object]  # fills the buffer from a pack's object


def _executor_folder() -> str | None:
    """Where Spark has its executors keep what is large, if it tells."""
    return os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or None


def _batches(messages: pa.Buffer) -> Iterator[pa.RecordBatch]:
    stream = pa.BufferReader(messages)
    while stream.tell() < messages.size:
        yield pa.ipc.read_record_batch(pa.ipc.read_message(stream), ROWS)


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows of a stretch, sorted, with a memory of their own."""
    keys = [("place", "ascending"), ("id", "ascending"), ("epoch", "ascending")]
    return rows.take(pc.sort_indices(rows.select([name for name, _ in keys]).combine_chunks(), keys))
