"""The first pass of the shard stage: what each task reads of the input becomes one object of documents, and one of errors."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from rephrase import storage
from rephrase.documents import DocumentTables
from rephrase.errors import UserError
from rephrase.live.words import counted
from rephrase.notes import DocumentsNote, ErrorsNote
from rephrase.records import DOCUMENT, ERROR
from rephrase.spark.runtime.account import Sums
from rephrase.spark.runtime.progress import StageProgress
from rephrase.spark.runtime.units import Unit, pending, run_units
from rephrase.spark.stages.encoders import encoder_profile
from rephrase.spark.stages.shard.inputs import Times, check_times, check_unchanged
from rephrase.spark.stages.shard.plan import Reading, ShardPlan, input_of
from rephrase.storage import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from rephrase.config.run import Run
    from rephrase.readers import RawDocument, ReadError
    from rephrase.readers.base import Item
    from rephrase.readers.registry import Reader
    from rephrase.readers.settings import Input
    from rephrase.readers.slices import Units
    from rephrase.spark.runtime.session import LazySession

_BATCH_DOCUMENTS = 512  # documents whose language and tokens are found in one call
_BATCH_CHARACTERS = 4_000_000  # and at most so many characters, unless one document has more
_EXTRACTED_CHARACTERS = 16_000_000  # of a row group of `_extracted`: what the second pass holds at a time


def extract(
    run: Run, spark: LazySession, plan: ShardPlan, read_units: Units, todo: Sequence[int], files: storage.FileList, times: Times
) -> None:
    """Read the units of the input whose numbers are in `todo`, one Spark task for each. What is there already is not read again.

    times: when the stage first saw the files. Raises `UserError` where one that is yet to be read is not the same any more.
    """
    from rephrase.readers.registry import readers_of

    config = input_of(run)
    missing = [unit.payload for unit in pending([Unit(plan.between(index), index) for index in todo], plan.extracted)]
    if not missing:
        return
    check_times(plan.documents, files, times, (part for index in missing for part in read_units[index]))
    account = Sums(DocumentsNote, functools.partial(_progress, config))
    progress = StageProgress("shard", plan.extracted, len(todo), len(todo) - len(missing), account, about=_about(read_units, todo))
    progress.begin()
    session = spark.get()  # before the clock of the progress line starts
    with progress:
        work = functools.partial(extract_unit, plan=plan, config=config, tokenizer=run.tokenizer, readers=readers_of(config.format))
        run_units(session, _Tasks(plan, read_units, missing), work, plan.extracted, progress, encoder_profile(session, run, config))


class _Tasks(Sequence[Unit[Reading]]):
    """The units of Spark tasks, made when they are asked for."""

    def __init__(self, plan: ShardPlan, read_units: Units, indexes: Sequence[int]) -> None:
        self._plan, self._read_units, self._indexes = plan, read_units, indexes

    def __len__(self) -> int:
        return len(self._indexes)

    @overload
    def __getitem__(self, number: int) -> Unit[Reading]: ...

    @overload
    def __getitem__(self, number: slice) -> list[Unit[Reading]]: ...

    def __getitem__(self, number: int | slice) -> Unit[Reading] | list[Unit[Reading]]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        index = self._indexes[number]
        return Unit(self._plan.between(index), Reading.of(index, self._read_units[index]))


def _about(read_units: Units, todo: Sequence[int]) -> str:
    """What the tasks are."""
    if read_units.are_files:
        return ", one for each input file"
    is_cut = is_packed = False
    files, last = 0, ""
    for index in todo:
        parts = read_units[index]
        is_cut, is_packed = is_cut or not parts[0].is_whole, is_packed or len(parts) > 1
        files += len(parts) - (parts[0].file.path == last)
        last = parts[-1].file.path
    return f", for {files:,} input files" + (", large ones cut" if is_cut else "") + (", small ones together" if is_packed else "")


def _progress(config: Input, sums: DocumentsNote, seconds: float) -> str:
    rate = sums.raw_bytes / max(seconds, 1e-9) / 1e6
    documents = counted(sums.documents, "document")
    if sums.dropped_short:
        documents += f" ({sums.dropped_short:,} more have fewer than {config.min_characters:,} characters: `input.min_characters`)"
    return f"{documents}, {counted(sums.errors, 'read error')}, {rate:,.1f} MB/s"


def extract_unit(unit: Unit[Reading], *, plan: ShardPlan, config: Input, tokenizer: str, readers: Sequence[Reader]) -> None:
    """Read a part of the input, commit its errors, then its documents: an object of documents says that its errors are there too."""
    from rephrase.readers import Dropped, ReadError

    started = time.perf_counter()
    extracted = _Extracted(DocumentTables(config, tokenizer))
    dropped: Counter[str] = Counter()
    flaws: Counter[str] = Counter()
    raw_bytes = records = 0
    errors: list[ReadError] = []
    reading = unit.payload
    for file, item in _items(reading, config, readers):
        records += 1
        if isinstance(item, ReadError):
            errors.append(item)
            continue
        raw_bytes += item.raw_bytes
        if isinstance(item, Dropped):
            dropped[item.reason] += 1
        else:
            flaws.update(item.flaws)
            extracted.add(item, file)
    extracted.flush()
    errors += extracted.refused
    if errors:
        tables.commit(plan.errors(reading.index), _error_table(errors), ErrorsNote(errors=len(errors)))
    note = DocumentsNote(
        input_file=reading.name,
        documents=extracted.documents,
        tokens=extracted.tokens,
        dropped_short=dropped.pop("short", 0),
        dropped_long=dropped.pop("long", 0),
        left_out=dict(dropped),
        flaws=dict(flaws),
        records=records,
        raw_bytes=raw_bytes,
        scrubbed=dict(extracted.document_tables.scrubbed),
        errors=len(errors),
        seconds=round(time.perf_counter() - started, 3),
    )
    extracted.writer.commit(unit.output, note)


def _items(reading: Reading, config: Input, readers: Sequence[Reader]) -> Iterator[tuple[str, Item]]:
    """What a task reads, each with the path of its file."""
    from rephrase.readers import read_documents

    for part in reading.slices:
        try:
            for item in read_documents(part, config, readers):
                yield part.file.path, item
            if not part.is_whole:  # whose other parts other tasks read, at other times
                check_unchanged(part)
        except FileNotFoundError as error:
            cure = "put it back, or list the input again in another output"
            raise UserError("the input file has gone", where=part.file.path, cure=cure) from error


def _error_table(errors: Sequence[Any]) -> pa.Table:
    import pyarrow as pa

    rows = [{"stage": "shard", "file": e.file, "offset": e.offset, "unit": e.unit, "reason": e.reason} for e in errors]
    return pa.Table.from_pylist(rows, ERROR)


class _Extracted:
    """Documents on their way into an object, batch by batch."""

    def __init__(self, document_tables: DocumentTables) -> None:
        self.document_tables = document_tables
        self.writer = tables.Writer(DOCUMENT)
        self.documents = self.tokens = 0
        self.refused: list[ReadError] = []
        """Documents that could not become rows."""
        self._batch: list[RawDocument] = []
        self._files: list[str] = []  # of the batch
        self._batch_characters = self._group_characters = 0
        self._group: list[pa.Table] = []

    def add(self, document: RawDocument, file: str) -> None:
        self._batch.append(document)
        self._files.append(file)
        self._batch_characters += len(document.text)
        if len(self._batch) >= _BATCH_DOCUMENTS or self._batch_characters >= _BATCH_CHARACTERS:
            self._end_batch()

    def flush(self) -> None:
        self._end_batch()
        self._end_group()

    def _end_batch(self) -> None:
        if not self._batch:
            return
        table, refused = self.document_tables.kept(self._batch)
        if refused:
            file_of = {id(document): file for document, file in zip(self._batch, self._files, strict=True)}
            from rephrase.readers import ReadError

            self.refused += [ReadError(file_of[id(one)], one.offset, one.unit, reason) for one, reason in refused]
        self.documents += table.num_rows
        self.tokens += sum(table.column("n_tokens").to_pylist())
        self._group.append(table)
        self._group_characters += self._batch_characters
        self._batch, self._files, self._batch_characters = [], [], 0
        if self._group_characters >= _EXTRACTED_CHARACTERS:
            self._end_group()

    def _end_group(self) -> None:
        import pyarrow as pa

        if self._group:
            self.writer.add(pa.concat_tables(self._group))
        self._group, self._group_characters = [], 0
