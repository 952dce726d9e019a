"""The parts of a virtual mixture's index: what each text is, and where it is stored, sorted by its place in the mixture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase.loading.index import ORDER, Index
from rephrase.mixing import selection
from rephrase.mixing.reasoning import COLUMN
from rephrase.spark.stages.mix.candidates import Batch, batch_of, candidate_rows, columns_beside, pool_numbers
from rephrase.spark.stages.mix.inputs import over_packs, packs_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.mixing.settings import Mix
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.runtime.units import Unit
    from rephrase.spark.stages.mix.inputs import Inputs, Pack

_GROUP_ROWS = 64_000
_READ_BYTES = 24 << 20
_DDL = (
    ", ".join(f"{field.name} {field.type}" for field in ORDER).replace("int64", "long").replace("int32", "int").replace("bool", "boolean")
)


def store(mix: Mix, inputs: Inputs, job: Job, index: Index, marks: DataFrame | None, todo: Sequence[Unit[int]]) -> None:
    """Create the parts of an index that are not there. marks: of texts that pairing leaves out, or draws first."""
    from pyspark.sql.functions import col

    wanted, paths = [unit.payload for unit in todo], {unit.payload: unit.output for unit in todo}
    firsts = np.cumsum([0, *(len(pack) for pack in inputs.packs)]).tolist()
    parts = index.parts

    def entries(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for pack in packs_of(batches, inputs):
            for batch in _numbered(pack, inputs, mix, firsts[pack.number]):
                for table in _entries(batch, mix, index):
                    chosen = pc.is_in(table.column("part"), pa.array(wanted, pa.int32()))
                    yield from table.filter(chosen).to_batches()

    def stored(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        writer, number, waiting, rows = tables.Writer(ORDER), None, [], 0
        for batch in batches:
            if batch.num_rows:
                number = batch.column("part")[0].as_py()
                kept = batch.filter(pc.is_valid(batch.column("id")))
                waiting.append(pa.Table.from_batches([kept]).select(ORDER.names).cast(ORDER))
                rows += kept.num_rows
                if rows >= _GROUP_ROWS:
                    writer.add(pa.concat_tables(waiting).combine_chunks())
                    waiting, rows = [], 0
        if number is not None:
            writer.add(pa.concat_tables([ORDER.empty_table(), *waiting]).combine_chunks())
            writer.commit(paths[number])
        yield from ()

    frame = over_packs(job, inputs, marks).mapInArrow(job.reporting(entries), f"{_DDL}, part int")
    # A part without rows has an object as well: that it is there tells that nothing is missing.
    nothing = [f"cast(null as {part.rpartition(' ')[2]}) as {part.rpartition(' ')[0]}" for part in _DDL.split(", ")]
    marks = job.spark.range(parts).selectExpr(*nothing, "cast(id as int) as part").where(col("part").isin(wanted))
    order = ["part", "place", "id", "epoch", "object", "row"]
    rows = marks.unionByName(frame).repartitionById(parts, "part").sortWithinPartitions(*order)
    job.run(rows.mapInArrow(job.reporting(stored), "nothing int").write.format("noop").mode("overwrite").save)


def _numbered(pack: Pack, inputs: Inputs, mix: Mix, first: int) -> Iterator[Batch]:
    """The candidates of each object or row group, with the columns `object`, `row` and `joined`."""
    has_reasoning = mix.joint is not None
    for number, path in enumerate(pack.paths, first):
        columns = selection.columns_of(judged=inputs.is_judged(path), with_text=False, with_reasoning=has_reasoning, **columns_beside(mix))
        at = 0
        for rows in tables.read_row_groups(path, columns, _READ_BYTES) if "text" in columns else [tables.read(path, columns)]:
            numbered = rows.append_column("object", pa.array(np.full(rows.num_rows, number, np.int32)))
            numbered = numbered.append_column("row", pa.array(np.arange(at, at + rows.num_rows)))
            at += rows.num_rows
            kept = inputs.kept(numbered, path)
            if has_reasoning and COLUMN in kept.column_names:
                kept = kept.append_column("before", kept.column("text"))
            table = candidate_rows(kept, mix, inputs.tokenizer)
            is_joined = pc.not_equal(table.column("text"), table.column("before")) if "before" in table.column_names else None
            joined = pa.array(np.zeros(table.num_rows, np.bool_)) if is_joined is None else is_joined
            yield batch_of(pack.number, table.append_column("joined", joined), mix, pack.has)


def _entries(batch: Batch, mix: Mix, index: Index) -> Iterator[pa.Table]:
    """The rows of a batch in each epoch that their pool reaches, as ORDER and `part`."""
    table = batch.table
    pools = pool_numbers(table, batch.component, index.pools, mix.selections)
    epochs = np.where(pools >= 0, np.array(index.epochs, np.int32)[np.maximum(pools, 0)], 0)
    for epoch in range(int(epochs.max(initial=0))):
        here = np.flatnonzero(epochs > epoch)
        rows = table.take(pa.array(here))
        place = selection.places(rows.column("id"), mix.seed, epoch)
        columns = {
            "place": pa.array(place),
            "epoch": pa.array(np.full(len(here), epoch, np.int32)),
            "pool": pa.array(pools[here].astype(np.int32)),
            "key": pa.array(batch.keys[here]),
            "written": pc.greater(rows.column("synthetic_depth"), 0),
            "original": pc.equal(rows.column("origin"), "original"),
            "part": pa.array(selection.files_of(place, index.parts)),
        }
        names = [*ORDER.names, "part"]
        yield pa.table([columns.get(name, rows.column(name) if name in rows.column_names else None) for name in names], names=names)
