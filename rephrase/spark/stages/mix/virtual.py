"""A mixture that writes no text: an index over the texts of a run, and a manifest with the shares.

`rephrase mix run.yaml --virtual`. The index is made by Spark, an object for each stretch of the mixture's order, and holds all that the
components can give; shares are applied by those who read it (see `rephrase.loading`), so that other shares cost a new manifest alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.errors import UserError
from rephrase.loading.index import ORDER, Index, is_complete, open_index
from rephrase.loading.manifest import MANIFEST, manifest_for
from rephrase.mixing import selection
from rephrase.mixing.plan import ROWS
from rephrase.mixing.reasoning import COLUMN
from rephrase.mixing.targets import NoTextError, targets_of
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.units import Unit, pending
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.mix.candidates import Batch, batch_of, candidate_rows, pool_numbers, with_scores
from rephrase.spark.stages.mix.inputs import find_inputs, over_packs, packs_of
from rephrase.spark.stages.mix.planning import measure
from rephrase.spark.stages.mix.rejections import explained
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.mixing.plan import Material, Plan
    from rephrase.mixing.settings import Mix
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.mix.inputs import Inputs, Pack

FOLDER = "virtual"
_LAYOUT = 1  # of the index: another number for each change
_PART_ROWS = 2_000_000  # of an index: what a task sorts
_GROUP_ROWS = 64_000
_READ_BYTES = 24 << 20
_DDL = (
    ", ".join(f"{field.name} {field.type}" for field in ORDER).replace("int64", "long").replace("int32", "int").replace("bool", "boolean")
)


def virtual_mix(run: Run, spark: LazySession, *, part_rows: int = _PART_ROWS) -> Plan:
    """Make or take up the index of `<output>/virtual`, and write the manifest of the config's phases and shares.

    Spark is started only where the index is not there. Raises `UserError` where `mix` does, and for what cannot be mixed without writing.
    """
    from rephrase.spark.runtime.progress import console

    _check(run.mix)
    folder = storage.join(run.output, FOLDER)
    inputs = find_inputs(run)
    place = storage.join(folder, f"index-{digest(_meaning(run.mix, inputs))[:16]}")
    if is_complete(place):
        console.print("mix: the index is there, and the manifest is written anew")
    else:
        with open_job(spark.get(), place, title="mix (index)") as job:
            _make(run, inputs, job, place, part_rows)
    index = open_index(place)
    manifest, plan = manifest_for(run.mix, index).planned(index, storage.join(folder, MANIFEST))
    manifest.write(folder)
    return plan


def _check(mix: Mix) -> None:
    """Raise a `UserError` for what changes texts, or lets shares decide which texts there are."""
    cure = "take it out, or write the mixture: `rephrase mix run.yaml`"
    if mix.stitch is not None:
        raise UserError("texts that are joined have to be written, and a virtual mixture writes none", where="mix.stitch", cure=cure)
    if mix.pairing:
        what = "which texts fit to each other is known when the shares are, and a virtual mixture leaves these open"
        raise UserError(what, where="mix.pairing", cure=cure)


def _epochs(mix: Mix) -> list[int]:
    return [math.ceil(component.max_epochs) for component in mix.selections]


def _meaning(mix: Mix, inputs: Inputs) -> list[Any]:
    """What an index depends on: all but shares and phases."""
    components = [[component.name, component.split_by] for component in mix.selections]
    return [_LAYOUT, components, _epochs(mix), mix.seed, mix.max_synthetic_depth, mix.reasoning, mix.reasoning_marks, inputs.meaning]


def _make(run: Run, inputs: Inputs, job: Job, folder: str, part_rows: int) -> None:
    mix = run.mix
    material = measure(mix, inputs, job)
    try:
        targets_of(mix, material.pools, material.available)  # refuse before any work
    except NoTextError as error:
        raise explained(error, run) from error
    index = _index_of(run, inputs, material, folder, part_rows)
    units = [Unit(index.part(number), number) for number in range(index.parts)]
    todo = pending(units, folder)
    if todo:
        _store(mix, inputs, job, index, todo)
    index.write(material)


def _index_of(run: Run, inputs: Inputs, material: Material, folder: str, part_rows: int) -> Index:
    epochs = _epochs(run.mix)
    rows = sum(int(sums[ROWS].sum()) * epochs[pool.component] for pool, sums in zip(material.pools, material.sums, strict=True))
    start = len(run.output.rstrip("/")) + 1
    return Index(
        folder=folder,
        components=tuple(run.mix.selections),
        pools=material.pools,
        epochs=tuple(epochs),
        seed=run.mix.seed,
        objects=tuple(path[start:] for pack in inputs.packs for path in pack),
        parts=max(1, math.ceil(rows / part_rows)),
        marks=(run.mix.joint.before, run.mix.joint.between) if run.mix.joint else None,
    )


def _store(mix: Mix, inputs: Inputs, job: Job, index: Index, todo: list[Unit[int]]) -> None:
    """Create the parts of an index that are not there."""
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

    frame = over_packs(job, inputs, None).mapInArrow(job.reporting(entries), f"{_DDL}, part int")
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
        columns = selection.columns_of(
            judged=inputs.is_judged(path), with_scores=with_scores(mix), with_text=False, with_reasoning=has_reasoning
        )
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
    """The rows of a batch in each epoch that their component reaches, as ORDER and `part`."""
    table = batch.table
    pools = pool_numbers(table, batch.component, index.pools, mix.selections)
    epochs = np.array([*index.epochs, 0], np.int32)[np.where(batch.component >= 0, batch.component, len(index.epochs))]
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
