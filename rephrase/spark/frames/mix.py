"""`mix(documents, judged, mix)`: the mix stage on DataFrames of the user's own. It decides as the stage does, by the same functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase.errors import UserError
from rephrase.mixing import selection
from rephrase.mixing.settings import Mix
from rephrase.mixing.stitching import PIECES, STITCHED
from rephrase.records import DOCUMENT, JUDGED, MIXTURE, require_columns
from rephrase.settings.validation import validate
from rephrase.spark.runtime.frame_job import FrameJob
from rephrase.spark.runtime.pyspark_internals import to_spark_schema
from rephrase.spark.stages.mix.candidates import Batch, batch_of, candidate_rows, tables_wanted, with_labels, with_scores
from rephrase.spark.stages.mix.exchange import ROWS
from rephrase.spark.stages.mix.planning import make_plan
from rephrase.spark.stages.mix.scatter import rows_drawn
from rephrase.spark.stages.mix.stitched import joined_groups, pieces_in

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from rephrase.spark.stages.mix.candidates import Actions

_SCHEMAS = {"documents": DOCUMENT, "judged": JUDGED, "stitched": STITCHED}  # their order gives the numbers of packs
_REQUIRED = {"documents": ("id", "text", "n_tokens"), "judged": ("id", "document_id", "recipe", "verdict", "text", "n_tokens")}
_GATHERED_ROWS = 1 << 16  # of a task are looked at together, where they have no texts
_MARK = "mark"


def mix(
    documents: DataFrame | None,
    judged: DataFrame | None,
    mix: Mapping[str, Any] | Mix,
    *,
    order: bool = False,
    tokenizer: str | None = None,
) -> DataFrame:
    """Originals and kept generations by token shares, globally shuffled: the rows of the mixture in their order.

    documents: the columns id, text and n_tokens, and those of `rephrase.records.DOCUMENT` that components select by. judged: what
    `rephrase.spark.judge` returned with a tokenizer. Other columns of theirs are null where they are missing. What screening or
    deduplication rejected must be out of both. A table from which no component draws may be None. mix: a mapping as under `mix:` in a
    run.yaml, or a `Mix`; `row_group_rows` means nothing here. tokenizer: counts texts that take up their reasoning or are joined, as `mix`
    may ask; what is joined is joined anew for each job.

    Returns a DataFrame with the columns of `rephrase.records.MIXTURE`. Each partition is a file of the mixture, of about `file_tokens`
    tokens; partitions, and rows in them, stand in the mixture's order, so that a plain `.write.parquet` keeps it. A table that keeps no
    order (Iceberg, Delta) wants `order`: the further columns `part` and `place`, by which, and then by id and epoch, the rows stand.
    The mix stage gives the same rows in the same order for the same tables and settings, and so does any other number of partitions.

    What is evaluated when: this call plans the mixture, by two Spark jobs that read all columns but the texts; with `pairing` by about
    seven, and joins by document id. An action on the result reads both frames once more, with their texts (with `pairing` twice more
    without), and shuffles what is taken. So give tables, or frames that are persisted: what is lazy, such as rewriting, would be done for
    each job, and what changes in between breaks the shares. The driver holds 128 KiB for each pool of texts, and one text's key in about
    4096. Nothing stays cached.

    Raises `UserError` for wrong settings, missing columns, too little material for the shares and the budget, and a mixture that the
    settings' guards refuse.

    >>> documents = spark.createDataFrame([(f"d{n}", f"page {n}", 10) for n in range(8)], "id string, text string, n_tokens long")
    >>> half = mix(documents, None, {"components": [{"origin": "original", "share": 1}], "budget_tokens": 40})
    >>> [row.n_tokens for row in half.collect()]
    [10, 10, 10, 10]
    """
    settings: Mix = mix if isinstance(mix, Mix) else validate(Mix, dict(mix), "mix")
    frames = _frames_drawn_from(settings, {"documents": documents, "judged": judged})
    if (settings.joint or settings.stitch) and tokenizer is None:
        key = "reasoning" if settings.joint else "stitch"
        raise UserError(f"`{key}` makes texts longer, and nothing counts them", where="mix", cure="give the `tokenizer` of the run")
    candidates, job = _FrameCandidates(frames, tokenizer), FrameJob(next(iter(frames.values())).sparkSession)
    if settings.stitch and tokenizer is not None:
        candidates = _FrameCandidates({**frames, "stitched": _stitched(frames, settings, tokenizer, job)}, tokenizer)
    plan, marks = make_plan(settings, candidates, job)
    if marks is not None:
        marks.unpersist()

    def body(batch: Batch) -> Iterator[pa.RecordBatch]:
        for rows in rows_drawn(batch, settings, plan, 1):
            yield from rows.to_batches()

    from pyspark.sql.functions import col

    schema = to_spark_schema(ROWS.append(pa.field("stretch", pa.int64())))
    rows = candidates.mapped(job, settings, marks, body, schema, with_text=True).withColumn("part", col("stretch").cast("int"))
    placed = rows.repartitionById(sum(plan.files), "part").sortWithinPartitions("place", "id", "epoch")
    return placed.select(*MIXTURE.names, *(("part", "place") if order else ()))


def _frames_drawn_from(mix: Mix, frame_of: Mapping[str, DataFrame | None]) -> dict[str, DataFrame]:
    """The frames that components draw from. Raises `UserError` for one that is not given, or lacks a column."""
    frames = {}
    for table, is_wanted in tables_wanted(mix).items():
        name = table.path
        frame = frame_of[name]
        if is_wanted and frame is None:
            cure = f"give `{name}`, or let all components select the other origin: `origin` or `recipe`"
            raise UserError(f"components draw from `{name}`, which is None", where="mix", cure=cure)
        if is_wanted and frame is not None:
            require_columns(frame.columns, _REQUIRED[name], f"mix, {name}")
            frames[name] = frame
    return frames


def _stitched(frames: Mapping[str, DataFrame], mix: Mix, tokenizer: str, job: FrameJob) -> DataFrame:
    """What is joined of the frames' texts, as STITCHED. Lazy. Raises `UserError` for near documents, of which frames know nothing."""
    if mix.stitch and mix.stitch.by == "near":
        cure = "join by document, or run the mix stage: `rephrase mix run.yaml`"
        raise UserError("near documents are found within the units of a run, and a DataFrame has none", where="mix.stitch.by", cure=cure)

    def over(schema: pa.Schema) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                yield from pieces_in(candidate_rows(rows, mix, tokenizer), mix).to_batches()

        return body

    def joined(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in joined_groups(batches, mix, tokenizer):
            yield from table.to_batches()

    parts = []
    for name in ("documents", "judged"):
        if name in frames:
            frame, schema = _selected(frames[name], name, mix, with_text=True)
            parts.append(frame.mapInArrow(job.reporting(over(schema)), to_spark_schema(PIECES)))
    pieces = functools.reduce(lambda first, second: first.unionAll(second), parts)
    ids = parts[-1].select("document_id").distinct()
    pieces = pieces.join(ids, "document_id", "left_semi").select(*PIECES.names)
    in_groups = pieces.repartition("group_id").sortWithinPartitions("group_id", "id")
    return in_groups.mapInArrow(job.reporting(joined), to_spark_schema(STITCHED))


@dataclass(frozen=True, slots=True)
class _FrameCandidates:
    """Candidates in DataFrames, by table. See `Candidates`; the packs are the tables, by their numbers in _SCHEMAS."""

    frames: Mapping[str, DataFrame]
    tokenizer: str | None
    tasks: None = None

    def mapped(
        self,
        job: Actions,
        mix: Mix,
        marks: DataFrame | None,
        body: Callable[[Batch], Iterator[pa.RecordBatch]],
        ddl: str | StructType,
        *,
        with_text: bool = False,
    ) -> DataFrame:
        parts = []
        for pack, name in enumerate(_SCHEMAS):
            if name in self.frames:
                frame, schema = _selected(self.frames[name], name, mix, with_text=with_text)
                if marks is not None:
                    frame = frame.join(marks.where(f"pack = {pack}").select("id", _MARK).distinct(), "id", "left")
                function = job.reporting(_over_batches(pack, mix, body, schema, self.tokenizer))
                parts.append(frame.mapInArrow(function, ddl))
        return functools.reduce(lambda first, second: first.unionAll(second), parts)


def _selected(frame: DataFrame, name: str, mix: Mix, *, with_text: bool) -> tuple[DataFrame, pa.Schema]:
    """The columns that are looked at, by our types, and their schema."""
    from pyspark.sql.functions import lit

    if name == "stitched":
        names = [column for column in STITCHED.names if with_text or column != "text"]
    else:
        judged, reasoning = name == "judged", mix.joint is not None
        wanted = {"with_scores": with_scores(mix), "with_labels": with_labels(mix)}
        names = selection.columns_of(judged=judged, with_text=with_text, with_reasoning=reasoning, **wanted)
    schema = pa.schema([_SCHEMAS[name].field(column) for column in names])
    typed = [
        (frame[field.name] if field.name in frame.columns else lit(None)).cast(field.dataType).alias(field.name)
        for field in to_spark_schema(schema)
    ]
    return frame.select(*typed), schema


def _over_batches(
    pack: int, mix: Mix, body: Callable[[Batch], Iterator[pa.RecordBatch]], schema: pa.Schema, tokenizer: str | None
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function for `mapInArrow` over a frame's rows, perhaps with their marks."""

    def over(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in _gathered(batches, 1 if "text" in schema.names else _GATHERED_ROWS):
            rows = table.select(schema.names).cast(schema)
            if _MARK in table.column_names:
                rows = rows.append_column(_MARK, table.column(_MARK))
            yield from body(batch_of(pack, candidate_rows(rows, mix, tokenizer), mix, _has_mark))

    return over


def _gathered(batches: Iterator[pa.RecordBatch], least: int) -> Iterator[pa.Table]:
    """The same rows in tables of at least so many, but for the last."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(part.num_rows for part in waiting) >= least:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _has_mark(mark: int, table: pa.Table) -> Any:
    """Which rows of a table are marked so. Shape: (rows,)."""
    if _MARK not in table.column_names:
        return np.zeros(table.num_rows, np.bool_)
    return pc.fill_null(pc.equal(table.column(_MARK), mark), False).to_numpy().astype(np.bool_)
