"""What the mix stage reads: the objects of its tables, packed into tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.errors import UserError
from rephrase.mixing import selection
from rephrase.mixing.stitching import STITCHED
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import folders_of, require, without_dropped
from rephrase.spark.stages.ledger import note_of
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.mix.candidates import OUT, PREFERRED, Batch, batch_of, candidate_rows, tables_wanted, with_labels, with_scores
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.config.run import Run
    from rephrase.mixing.settings import Mix
    from rephrase.spark.stages.mix.candidates import Actions

_TASK_BYTES = 64 << 20  # input objects are packed into tasks of about so many stored bytes
_MIN_TASK_BYTES = 16 << 20  # smaller ones would cost Spark more than they spare
_MANY_TASKS = 64  # small inputs are still spread over about so many tasks
_READ_BYTES = 24 << 20  # of small row groups are read together


@dataclass(frozen=True, slots=True)
class Inputs:
    """The objects to mix, packed into tasks, and what identifies them."""

    packs: tuple[tuple[str, ...], ...]
    judged: str  # the folder: objects below it are of the judged table
    drops: dict[str, tuple[str, ...]]  # by table, the folders that say which of its rows are out
    meaning: dict[str, Any]
    tokenizer: str
    stitched: str | None = None  # the folder of objects of texts that are joined, which come last

    def is_stitched(self, path: str) -> bool:
        """Whether an object holds texts that are joined."""
        return self.stitched is not None and path.startswith(self.stitched + "/")

    def is_judged(self, path: str) -> bool:
        """Whether an object belongs to the judged table, not to documents."""
        return path.startswith(self.judged + "/")

    def kept(self, rows: pa.Table, path: str) -> pa.Table:
        """The rows of an object that screening and deduplication have left."""
        return without_dropped(rows, path, self.drops["judged" if self.is_judged(path) else "documents"])

    @property
    def tasks(self) -> int:
        """One for each pack."""
        return len(self.packs)

    def mapped(
        self, job: Actions, mix: Mix, marks: DataFrame | None, body: Callable[[Batch], Iterator[pa.RecordBatch]], ddl: str
    ) -> DataFrame:
        """What `body` makes of the batches of all packs, as `Candidates` promises it."""

        def over(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for pack in packs_of(batches, self):
                for batch in keyed(pack, self, mix, with_text=False):
                    yield from body(batch)

        return over_packs(job, self, marks).mapInArrow(job.reporting(over), ddl)


def find_inputs(run: Run) -> Inputs:
    """The objects that the mixture is made of. Raises `UserError` where a table is missing or unfinished."""
    is_needed_by_table = tables_wanted(run.mix)
    objects: list[storage.FileInfo] = []
    meaning: dict[str, Any] = {}
    for table, needed in is_needed_by_table.items():
        if not needed:
            continue
        folder = table.folder(run.output)
        paths = set(objects_of(run.output, table))
        files = [file for file in storage.list_files(folder) if file.path in paths]
        stage = note_of(folder)
        meaning[table.path] = {
            "digest": stage.get("digest"),
            "objects": len(files),
            "objects_digest": digest([[storage.name_of(file.path), file.size] for file in files]),
            **require(run, table),
        }
        objects += files
    if is_needed_by_table[Tables.JUDGED]:
        _check_filtered(run)
    drops = {table.path: folders_of(run, table) for table in is_needed_by_table}
    return Inputs(_packs(objects), Tables.JUDGED.folder(run.output), drops, meaning, run.tokenizer)


def _check_filtered(run: Run) -> None:
    generated, judged = (
        {storage.name_of(path) for path in tables.objects(table.folder(run.output))} for table in (Tables.GENERATIONS, Tables.JUDGED)
    )
    if generated - judged:
        raise UserError(
            f"the filter stage has not finished: {len(generated - judged)} of {len(generated)} objects are not judged",
            where=Tables.JUDGED.folder(run.output),
            cure="run it again: `rephrase filter run.yaml`",
        )


def _packs(files: Sequence[storage.FileInfo]) -> tuple[tuple[str, ...], ...]:
    limit = min(_TASK_BYTES, max(_MIN_TASK_BYTES, sum(file.size for file in files) // _MANY_TASKS))
    packs: list[list[str]] = []
    size = limit
    for file in files:
        if size >= limit:
            packs.append([])
            size = 0
        packs[-1].append(file.path)
        size += file.size
    return tuple(tuple(pack) for pack in packs)


@dataclass(frozen=True, slots=True)
class Pack:
    """A task's objects, and the marked ids among their rows, by mark."""

    number: int
    paths: tuple[str, ...]
    marked: dict[int, pa.ChunkedArray]

    def has(self, mark: int, table: pa.Table) -> Any:
        """Which rows of a table are marked so. Shape: (rows,)."""
        ids = self.marked.get(mark)
        if ids is None:
            return np.zeros(table.num_rows, np.bool_)
        return pc.is_in(table.column("id"), ids).to_numpy().astype(np.bool_)


def over_packs(job: Actions, inputs: Inputs, marks: DataFrame | None) -> DataFrame:
    """The number of each pack, one a task, with the marks of its rows (columns pack, id, mark)."""
    count = len(inputs.packs)
    numbers = job.spark.range(0, count, 1, count)
    if marks is None:
        return numbers
    rows = numbers.selectExpr("cast(id as int) as pack", "cast(null as string) as id", "0 as mark").unionAll(marks)
    return rows.repartitionById(count, "pack").sortWithinPartitions("pack")


def packs_of(batches: Iterator[pa.RecordBatch], inputs: Inputs) -> Iterator[Pack]:
    """The packs whose numbers a task of `over_packs` gets."""
    waiting: list[pa.Table] = []
    for batch in batches:
        if batch.num_columns == 1:
            for number in batch.column(0).to_pylist():
                yield Pack(number, inputs.packs[number], {})
            continue
        numbers = batch.column("pack").to_numpy()
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist()] if len(numbers) else []
        for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
            if waiting and waiting[0].column("pack")[0].as_py() != numbers[start]:
                yield _marked_pack(waiting, inputs)
                waiting = []
            waiting.append(pa.Table.from_batches([batch.slice(start, end - start)]))
    if waiting:
        yield _marked_pack(waiting, inputs)


def _marked_pack(waiting: Sequence[pa.Table], inputs: Inputs) -> Pack:
    rows = pa.concat_tables(waiting)
    number = rows.column("pack")[0].as_py()
    marked = {mark: rows.filter(pc.equal(rows.column("mark"), mark)).column("id") for mark in (PREFERRED, OUT)}
    return Pack(number, inputs.packs[number], marked)


def keyed(pack: Pack, inputs: Inputs, mix: Mix, *, with_text: bool) -> Iterator[Batch]:
    """The candidates of each row group or object."""
    for table in rows_of(pack.paths, inputs, mix, with_text=with_text):
        yield batch_of(pack.number, table, mix, pack.has)


def rows_of(paths: Sequence[str], inputs: Inputs, mix: Mix, *, with_text: bool) -> Iterator[pa.Table]:
    """The same rows before they are given to components, as `candidate_rows`."""
    columns_by_judged = {
        judged: selection.columns_of(
            judged=judged,
            with_scores=with_scores(mix),
            with_text=with_text,
            with_reasoning=mix.joint is not None,
            with_labels=with_labels(mix),
        )
        for judged in (True, False)
    }
    for path in paths:
        is_whole = inputs.is_stitched(path)
        if is_whole:
            columns = [name for name in STITCHED.names if with_text or name != "text"]
        else:
            columns = columns_by_judged[inputs.is_judged(path)]
        for rows in tables.read_row_groups(path, columns, _READ_BYTES) if "text" in columns else [tables.read(path, columns)]:
            yield rows if is_whole else candidate_rows(inputs.kept(rows, path), mix, inputs.tokenizer)
