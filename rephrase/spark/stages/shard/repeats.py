"""The second pass of the shard stage: all texts are compared by their ids, then each object drops what an earlier place has.

Only keys go through Spark's shuffle, 16 bytes for a document and, where the config asks for it, for each longer paragraph or each run of
words. Texts are never shuffled.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.documents import DocumentTables
from rephrase.labels import with_labels
from rephrase.live.words import counted
from rephrase.notes import DocumentsNote
from rephrase.readers import RawDocument
from rephrase.records import DOCUMENT
from rephrase.spark.runtime.account import Sums
from rephrase.spark.runtime.job import Job, open_job
from rephrase.spark.runtime.progress import StageProgress
from rephrase.spark.stages.shard.parts import Parts, parts_of
from rephrase.spark.stages.shard.row_groups import RowGroups
from rephrase.storage import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.readers.settings import Input
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.shard.plan import ShardPlan

_KEY_TASKS = 2000  # tasks that read keys; each reads many files where there are more
_MARKER = -1  # a row number that says "this file is to be finished", so that files without duplicates get a task too
WHOLE = -1  # a line number that stands for the whole document
_WHOLE_ID = "whole_id"  # in the metadata of a document that lost paragraphs: its id with them


@dataclass(frozen=True, slots=True)
class Repeats:
    """What one file has to drop: rows of its object in order, and for each the line, or the first word of a run, or `WHOLE`."""

    rows: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int32]

    @classmethod
    def of(cls, parts: Sequence[pa.RecordBatch]) -> Repeats:
        """From batches with the columns `row` and `line`, in any order, markers among them."""
        rows = np.concatenate([part.column("row").to_numpy() for part in parts])
        lines = np.concatenate([part.column("line").to_numpy() for part in parts])
        order = np.lexsort((lines, rows))
        order = order[rows[order] != _MARKER]
        return cls(rows[order], lines[order])

    def within(self, first: int, last: int) -> Repeats:
        """Those of the rows from `first` to before `last`, counted from `first`."""
        start, end = np.searchsorted(self.rows, [first, last])
        return Repeats(self.rows[start:end] - first, self.lines[start:end])

    def whole(self) -> npt.NDArray[np.int64]:
        """The rows that go."""
        rows: npt.NDArray[np.int64] = self.rows[self.lines == WHOLE]
        return rows

    def partly(self) -> dict[int, set[int]]:
        """The lines, or first words of runs, that go from rows that stay."""
        lines_of: dict[int, set[int]] = defaultdict(set)
        stays = ~np.isin(self.rows, self.whole())
        for row, line in zip(self.rows[stays].tolist(), self.lines[stays].tolist(), strict=True):
            lines_of[row].add(line)
        return lines_of


def drop_repeats(config: Input, tokenizer: str, spark: LazySession, plan: ShardPlan, todo: Sequence[int]) -> None:
    """Make the documents objects whose indexes are in `todo`, without what is repeated."""
    session = spark.get()
    account = Sums(DocumentsNote, _progress)
    with (
        StageProgress("shard (repeats)", plan.documents, plan.count, plan.count - len(todo), account) as progress,
        open_job(session, plan.documents, title="shard (repeats)") as job,
    ):
        # Each file of `todo` is one partition, told by its place in `todo`: its own repeats, and a marker.
        repeated = _repeated(job, plan, todo, config)
        marker = ["cast(id as int) as place", f"cast({_MARKER} as long) as row", f"{WHOLE} as line"]
        markers = session.range(0, len(todo), 1, 1).selectExpr(*marker)
        places = repeated.unionAll(markers).repartitionById(len(todo), "place")
        indexes = list(todo)

        def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            parts: dict[int, list[pa.RecordBatch]] = defaultdict(list)
            for batch in batches:
                for place in np.unique(batch.column("place").to_numpy()).tolist():
                    parts[place].append(batch.filter(pc.equal(batch.column("place"), place)))
            for place in sorted(parts):
                finish_file(plan, indexes[place], Repeats.of(parts[place]), config, tokenizer)
            yield from ()

        job.run(places.mapInArrow(job.reporting(body), "place int").count, progress)


def _progress(sums: DocumentsNote, _seconds: float) -> str:
    text = f"{counted(sums.documents, 'document')}, {counted(sums.tokens, 'token')}, {counted(sums.duplicates, 'duplicate')} dropped"
    text += f", {sums.paragraphs_dropped:,} paragraphs" if sums.paragraphs_dropped else ""
    return text + f", {sums.words_cut:,} words" if sums.words_cut else text


def _repeated(job: Job, plan: ShardPlan, todo: Sequence[int], config: Input) -> DataFrame:
    """(place in `todo`, row of `_extracted`, line, first word or `WHOLE`) of all that an earlier place, of its file or another one, has.

    Finished files take part as they were extracted, so that the others lose what they would have lost with them; where that is no more
    there, with what they kept.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    place_of = {index: place for place, index in enumerate(todo)}
    count = plan.count
    tasks = min(count, _KEY_TASKS)
    parts = parts_of(config)

    def keys(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column(0).to_pylist():
                for index in range(task, count, tasks):
                    place = place_of.get(index, -1)
                    with _unless_made(plan, index):
                        for rows in _keys(_compared(plan, index), parts):
                            yield rows.append_column("file", _same(index, rows)).append_column("place", _same(place, rows))

    numbers = job.spark.range(0, tasks, 1, tasks)
    frame = numbers.mapInArrow(job.reporting(keys), "key binary, row long, line int, file int, place int")
    # Sorted within a key, not collected: one that stands a million times needs no memory.
    order = sql.row_number().over(Window.partitionBy("key").orderBy("file", "row", "line"))
    return frame.withColumn("occurrence", order).where("occurrence > 1 and place >= 0").select("place", "row", "line")


def _compared(plan: ShardPlan, index: int) -> str:
    """The object whose texts are compared with others."""
    extracted = plan.between(index)
    return extracted if storage.exists(extracted) else plan.final(index)


def _same(value: int, rows: pa.RecordBatch) -> pa.Array:
    return pa.array(np.full(rows.num_rows, value, np.int32))


def _keys(path: str, parts: Parts | None) -> Iterator[pa.RecordBatch]:
    """(key, row, line, first word or `WHOLE`) of the documents of one object, and of their parts where these count."""
    first = 0
    for group in tables.read_row_groups(path, ["id"] if parts is None else ["id", "text", "metadata"]):
        names = group.column("id").to_pylist()
        if parts is not None:
            metadata = [dict(values or ()) for values in group.column("metadata").to_pylist()]
            names = [values.get(_WHOLE_ID, name) for name, values in zip(names, metadata, strict=True)]
            keys, rows, lines = parts.keys(group.column("text").to_pylist())
            yield _batch(keys, rows + first, lines)
        whole = pa.array([bytes.fromhex(name) for name in names], pa.binary())
        yield _batch(whole, np.arange(first, first + len(names)), np.full(len(names), WHOLE))
        first += len(names)


def _batch(keys: pa.Array, rows: npt.NDArray[np.int64], lines: npt.NDArray[np.int64]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([keys, pa.array(rows, pa.int64()), pa.array(lines).cast(pa.int32())], ["key", "row", "line"])


def finish_file(plan: ShardPlan, index: int, repeats: Repeats, config: Input, tokenizer: str) -> None:
    """Write one file's final object from what was extracted, without the repeats.

    A document that lost parts is measured anew and has a new id; the former one stays in its metadata as `whole_id`. It goes if what is
    left says too little: see `parts`. Nothing is done where another driver has made the object meanwhile, and removed what was extracted.
    """
    with _unless_made(plan, index):
        _finish_file(plan, index, repeats, config, tokenizer)


@contextlib.contextmanager
def _unless_made(plan: ShardPlan, index: int) -> Iterator[None]:
    """Let what was extracted of a file be missing, if its final object is there: another driver was at work too, and has done it all."""
    try:
        yield
    except FileNotFoundError:
        if not storage.exists(plan.final(index)):
            raise


def _finish_file(plan: ShardPlan, index: int, repeats: Repeats, config: Input, tokenizer: str) -> None:
    extracted = plan.between(index)
    note = tables.footer(extracted, DocumentsNote).note
    groups = RowGroups(config.tokens_per_unit)
    parts = parts_of(config)
    document_tables = DocumentTables(config, tokenizer) if parts else None
    first = emptied = 0
    cut: Counter[str] = Counter()
    for read in tables.read_row_groups(extracted):
        table = with_labels(read).cast(DOCUMENT)  # which an earlier version may have extracted
        here = repeats.within(first, first + table.num_rows)
        first += table.num_rows
        shortened: dict[int, str | None] = {}
        for row, lines in here.partly().items():
            assert parts is not None
            shortened[row], counts = parts.without(table.column("text")[row].as_py(), lines)
            cut.update(counts)
        emptied += sum(text is None for text in shortened.values())
        groups.add(_without(table, here, {row: text for row, text in shortened.items() if text is not None}, document_tables))
    groups.flush()
    note = replace(
        note,
        documents=groups.documents,
        duplicates=len(repeats.whole()),
        tokens=sum(groups.tokens),
        labels={name: list(values) for name, values in groups.labels.items()},
        row_group_tokens=tuple(groups.tokens),
        documents_emptied=emptied,
        paragraphs_dropped=cut["paragraphs_dropped"],
        words_cut=cut["words_cut"],
    )
    groups.writer.commit(plan.final(index), note)


def _without(table: pa.Table, repeats: Repeats, shortened: dict[int, str], document_tables: DocumentTables | None) -> pa.Table:
    """The rows that are no repeats, in order, those in `shortened` with these texts."""
    keep = np.ones(table.num_rows, np.bool_)
    keep[repeats.rows] = False
    if not shortened:
        return table.filter(pa.array(keep))
    assert document_tables is not None
    changed = table.take(pa.array(list(shortened))).to_pylist()
    documents = [
        RawDocument(
            text=row["text"],
            url=row["url"],
            source=row["source"],
            language=row["language"],
            language_score=row["language_score"],
            license=row["license"],
            synthetic_depth=row["synthetic_depth"],
            metadata=dict(row["metadata"] or ()) | {_WHOLE_ID: row["id"]},
        )
        for row in changed
    ]
    both = pa.concat_tables([table.filter(pa.array(keep)), document_tables.measured(documents, list(shortened.values()))])
    places = np.concatenate([np.flatnonzero(keep), np.array(list(shortened))])
    return both.take(pa.array(np.argsort(places)))
