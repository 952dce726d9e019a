"""Texts that the mixture joins of several: stored once in objects of their own, which are then read as those of other tables are.

Pieces of one text lie in objects of several recipes, so they cross the cluster by Spark's shuffle, with their texts.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from rephrase import storage
from rephrase.mixing.near import near_groups
from rephrase.mixing.stitching import PIECES, STITCHED, is_joined, is_shallow, stitched
from rephrase.names import PARQUET
from rephrase.spark.runtime.pyspark_internals import to_spark_schema
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.mix.inputs import Inputs, over_packs, packs_of, rows_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.mixing.settings import Mix
    from rephrase.mixing.stitching import Stitch
    from rephrase.spark.runtime.job import Job

_FOLDER = "_stitched"
_PASSING = "_planned"
_NEAR = pa.schema([("document_id", pa.string()), ("near_id", pa.string())])
_GROUP_BYTES = 16 << 20  # of texts that are stored as one row group, about


def located(mix: Mix, inputs: Inputs, folder: str) -> Inputs:
    """The inputs with the objects of texts that are joined, as many as there are packs, below the mixture's folder, there or not."""
    if mix.stitch is None:
        return inputs
    settings = [mix.stitch.model_dump(mode="json"), mix.seed, mix.reasoning, mix.reasoning_marks, mix.max_synthetic_depth]
    place = storage.join(folder, _FOLDER, digest([*settings, inputs.packs, inputs.meaning]))
    objects = ((storage.join(place, f"{number:05d}{PARQUET}"),) for number in range(len(inputs.packs)))
    return replace(inputs, packs=(*inputs.packs, *objects), stitched=place)


def with_stitched(mix: Mix, inputs: Inputs, job: Job, folder: str) -> Inputs:
    """The same; objects that are not there are stored."""
    whole = located(mix, inputs, folder)
    if whole.stitched is not None:
        paths = [path for pack in whole.packs[len(inputs.packs) :] for path in pack]
        there = {file.path for file in storage.list_files(whole.stitched)}
        wanted = [number for number, path in enumerate(paths) if path not in there]
        if wanted:
            _store(mix, inputs, job, paths, wanted)
    return whole


def remove_stitched(folder: str) -> None:
    """Remove what lies below the mixture's folder."""
    storage.remove_folder(storage.join(folder, _FOLDER))


@contextlib.contextmanager
def passing_stitched(mix: Mix, inputs: Inputs, job: Job, folder: str) -> Iterator[Inputs]:
    """The same for the time of a block, after which nothing is left of them. What a mixture that is being made has stays."""
    place = storage.join(folder, _PASSING)
    try:
        yield with_stitched(mix, inputs, job, place)
    finally:
        if mix.stitch is not None:
            storage.remove_folder(place)


def _store(mix: Mix, inputs: Inputs, job: Job, paths: list[str], wanted: list[int]) -> None:
    from pyspark.sql.functions import col, expr

    pieces = _pieces(mix, inputs, job).withColumn("bucket", expr(f"cast(pmod(xxhash64(group_id), {len(paths)}) as int)"))
    pieces = pieces.where(col("bucket").isin(wanted))
    nothing = ", ".join(f"cast(null as {field.dataType.simpleString()}) as {field.name}" for field in to_spark_schema(PIECES))
    marks = job.spark.range(len(paths)).selectExpr(*nothing.split(", "), "cast(id as int) as bucket").where(col("bucket").isin(wanted))
    # A bucket without pieces has an object as well: that it is there tells that nothing is missing.
    rows = marks.unionByName(pieces).repartitionById(len(paths), "bucket").sortWithinPartitions("bucket", "group_id", "id")
    tokenizer = inputs.tokenizer

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        batches = (batch for batch in batches if batch.num_rows)
        first = next(batches, None)
        if first is None:
            return
        path = paths[first.column("bucket")[0].as_py()]
        writer, waiting, size = tables.Writer(STITCHED), [], 0
        for table in joined_groups(itertools.chain([first], batches), mix, tokenizer):
            waiting.append(table)
            size += table.nbytes
            if size >= _GROUP_BYTES:
                writer.add(pa.concat_tables(waiting).combine_chunks())
                waiting, size = [], 0
        writer.add(pa.concat_tables([STITCHED.empty_table(), *waiting]).combine_chunks())
        writer.commit(path)
        yield from ()

    job.run(rows.mapInArrow(job.reporting(body), "nothing int").write.format("noop").mode("overwrite").save)


def joined_groups(batches: Iterator[pa.RecordBatch], mix: Mix, tokenizer: str) -> Iterator[pa.Table]:
    """What the groups of sorted PIECES make, a table of STITCHED for each."""
    if mix.stitch is None:
        return
    counter = Tokenizer.load(tokenizer)
    waiting: list[dict[str, object]] = []
    for batch in batches:
        for piece in batch.select(PIECES.names).to_pylist():
            if waiting and waiting[0]["group_id"] != piece["group_id"]:
                yield _table(stitched(waiting, mix.stitch, counter, mix.seed))
                waiting = []
            if piece["group_id"] is not None:
                waiting.append(piece)
    if waiting:
        yield _table(stitched(waiting, mix.stitch, counter, mix.seed))


def _table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([{name: row[name] for name in STITCHED.names} for row in rows], schema=STITCHED)


def pieces_in(table: pa.Table, mix: Mix) -> pa.Table:
    """The rows of `selection.candidates` that are pieces, as PIECES. Each is of the group of its document."""
    if mix.stitch is None:
        return PIECES.empty_table()
    mask = is_joined(table, mix.stitch, mix.max_synthetic_depth)
    if mix.stitch.with_originals:
        is_original = table.column("origin").to_numpy(zero_copy_only=False) == "original"
        mask |= is_original & is_shallow(table, mix.max_synthetic_depth)
    rows = table.append_column("group_id", table.column("document_id")).filter(pa.array(mask))
    return rows.select(PIECES.names).cast(PIECES)


def _pieces(mix: Mix, inputs: Inputs, job: Job) -> DataFrame:
    """All pieces, with the group of each. Documents without rewrites are none."""
    settings = mix.stitch
    if settings is None:
        raise ValueError("nothing is joined")

    def rewritten(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for pack in packs_of(batches, inputs):
            for table in rows_of(pack.paths, inputs, mix, with_text=False):
                rewrites = table.filter(pa.array(is_joined(table, settings, mix.max_synthetic_depth)))
                yield from rewrites.select(["document_id"]).to_batches()

    def pieces(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for pack in packs_of(batches, inputs):
            for table in rows_of(pack.paths, inputs, mix, with_text=True):
                yield from pieces_in(table, mix).to_batches()

    ids = over_packs(job, inputs, None).mapInArrow(job.reporting(rewritten), "document_id string").distinct()
    frame = over_packs(job, inputs, None).mapInArrow(job.reporting(pieces), to_spark_schema(PIECES))
    frame = frame.join(ids, "document_id", "left_semi")
    if settings.by == "document":
        return frame.select(*PIECES.names)
    columns = [name if name != "group_id" else "coalesce(near_id, document_id) as group_id" for name in PIECES.names]
    return frame.join(_near(settings, inputs, job), "document_id", "left").selectExpr(*columns)


def _near(settings: Stitch, inputs: Inputs, job: Job) -> DataFrame:
    """The group of each document that has near ones (columns document_id and near_id): of those in one row group, a unit of work."""

    def near(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for pack in packs_of(batches, inputs):
            for path in pack.paths:
                if not inputs.is_judged(path):
                    for rows in tables.read_row_groups(path, ["id", "text", "language", "license"]):
                        groups = near_groups(inputs.kept(rows, path).to_pylist(), settings.documents)
                        yield pa.RecordBatch.from_pydict({"document_id": [*groups], "near_id": [*groups.values()]}, schema=_NEAR)

    return over_packs(job, inputs, None).mapInArrow(job.reporting(near), to_spark_schema(_NEAR))
