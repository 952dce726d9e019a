"""The one shuffle that puts the mixture's rows in their order.

Spark would turn each text into a row of its JVM and back. So tasks cut the mixture's order into stretches, gather their rows of each
stretch, and send those as one Arrow buffer: the shuffle moves and sorts a few thousand buffers, and the task that writes a file sorts the
rows of one stretch at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.mix_inputs import Inputs, keyed, over_packs, packs_of, pool_numbers
from jobs.units import user_errors_marked
from rephrase import mixing
from rephrase.records import MIXTURE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from rephrase.mix_plan import Plan
    from rephrase.mix_settings import Mix

_STRETCH_TOKENS = 2_000_000  # about 10 MB of text, which a task decodes and sorts at once
_STRETCHES = 4096  # more would make small buffers of a task's rows: files are then sorted in larger stretches
_GATHERED_BYTES = 32 << 20  # of rows that a task holds before it sends them
_BATCH_BYTES = 2 << 20  # of one message to Spark, which takes larger ones into memory that it does not use again
_ROOM = 64 << 10  # for the schema that begins a stream, and its end
_DDL = "part int, stretch long, rows binary"

# The mixture's columns, what the notes count beside them, and where a row goes.
ROWS = pa.schema([*MIXTURE, ("language", pa.string()), ("place", pa.int64())])


def shuffled(spark: SparkSession, inputs: Inputs, mix: Mix, plan: Plan, files: Sequence[int], marks: DataFrame | None) -> DataFrame:
    """The mixture's rows that belong into the given files, for `in_order`: each file one partition, its stretches ascending."""
    parts = np.full(sum(plan.files), -1, np.int64)
    parts[list(files)] = np.arange(len(files))
    per_file = max(1, min(-(-mix.file_tokens // _STRETCH_TOKENS), _STRETCHES // len(files)))

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with user_errors_marked():
            waiting, size = [], 0
            for pack in packs_of(batches, inputs):
                for table, component, keys in keyed(pack, inputs, mix, with_text=True):
                    pools = pool_numbers(table, component, plan.pools, mix.selections)
                    for chosen in _chosen(table, pools, keys, mix, plan, parts, per_file):
                        waiting.append(chosen)
                        size += chosen.nbytes
                        if size >= _GATHERED_BYTES:
                            yield from _packed(waiting, per_file)
                            waiting, size = [], 0
            if waiting:
                yield from _packed(waiting, per_file)

    rows = over_packs(spark, inputs, marks).mapInArrow(body, _DDL)
    return rows.repartitionById(len(files), "part").sortWithinPartitions("stretch")


def _chosen(table: pa.Table, pools: Any, keys: Any, mix: Mix, plan: Plan, parts: Any, per_file: int) -> Iterator[pa.Table]:
    """The rows that the mixture takes, phase by phase and epoch by epoch, as ROWS and `stretch`."""
    first = 0  # file of the phase
    for phase, files in enumerate(plan.files):
        start, end = np.zeros(table.num_rows, np.int64), np.zeros(table.num_rows, np.int64)
        for one in plan.components:
            if one.phase == phase:
                mine = pools == one.pool
                start[mine], end[mine] = one.start.copies(keys[mine]), one.end.copies(keys[mine])
        for epoch in range(int(start.min(initial=0)), int(end.max(initial=0))):
            rows = np.flatnonzero((start <= epoch) & (epoch < end))
            place = mixing.places(table.column("id").take(pa.array(rows)), mix.seed, epoch)
            stretch = mixing.files_of(place, files * per_file).astype(np.int64)
            part = parts[first + stretch // per_file]
            here = part >= 0  # the file is not written yet
            taken = table if here.all() and len(rows) == table.num_rows else table.take(pa.array(rows[here]))
            columns = {
                **{name: taken.column(name) for name in taken.column_names},
                "epoch": np.full(taken.num_rows, epoch, np.int32),
                "place": place[here],
            }
            chosen = pa.table([columns[name] for name in ROWS.names], names=ROWS.names).cast(ROWS)
            yield chosen.append_column("stretch", pa.array((part * per_file + stretch % per_file)[here]))
        first += files


def _packed(waiting: Sequence[pa.Table], per_file: int) -> Iterator[pa.RecordBatch]:
    """The rows, those of each stretch in one buffer: an Arrow message without its schema, which is always ROWS."""
    table = pa.concat_tables(waiting)
    order = np.argsort(table.column("stretch").to_numpy(), kind="stable")
    if not len(order):
        return
    stretch = table.column("stretch").to_numpy()[order]
    starts = np.flatnonzero(np.diff(stretch, prepend=-1))
    [rows] = table.drop_columns(["stretch"]).take(pa.array(order)).combine_chunks().to_batches()
    ends = [*starts[1:], len(order)]
    sizes = np.array([pa.ipc.get_record_batch_size(rows.slice(start, end - start)) for start, end in zip(starts, ends, strict=True)])
    firsts = [0, *(np.flatnonzero(np.diff(np.cumsum(sizes) // _BATCH_BYTES)) + 1).tolist()]  # stretches that begin a message
    for first, last in zip(firsts, [*firsts[1:], len(starts)], strict=True):
        data = pa.allocate_buffer(int(sizes[first:last].sum()) + _ROOM)
        sink = pa.FixedSizeBufferWriter(data)
        stream = pa.ipc.new_stream(sink, ROWS)
        for start, end in zip(starts[first:last], ends[first:last], strict=True):
            stream.write_batch(rows.slice(start, end - start))
        offsets = np.cumsum([0, *sizes[first:last]]) + sink.tell() - sizes[first:last].sum()  # the schema comes first
        numbers = stretch[starts[first:last]]
        buffers = pa.Array.from_buffers(pa.binary(), len(numbers), [None, pa.py_buffer(offsets.astype(np.int32)), data])
        columns = [pa.array((numbers // per_file).astype(np.int32)), pa.array(numbers), buffers]
        yield pa.RecordBatch.from_arrays(columns, ["part", "stretch", "rows"])


def in_order(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """The part and the rows, in their order, of each stretch in partitions of `shuffled`."""
    waiting: list[pa.RecordBatch] = []
    part = stretch = -1
    for batch in batches:
        numbers = zip(batch.column("part").to_pylist(), batch.column("stretch").to_pylist(), strict=True)
        for (its_part, its_stretch), rows in zip(numbers, batch.column("rows"), strict=True):
            if its_stretch != stretch and waiting:
                yield part, _sorted(waiting)
                waiting = []
            part, stretch = its_part, its_stretch
            waiting.append(pa.ipc.read_record_batch(rows.as_buffer(), ROWS))
    if waiting:
        yield part, _sorted(waiting)


def _sorted(waiting: Sequence[pa.RecordBatch]) -> pa.Table:
    rows = pa.Table.from_batches(waiting)
    keys = [("place", "ascending"), ("id", "ascending"), ("epoch", "ascending")]
    return rows.take(pc.sort_indices(rows.select([name for name, _ in keys]).combine_chunks(), keys))
