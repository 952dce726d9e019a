"""The shard stage: raw web files to the documents table, without exact duplicates.

Every input file is read by one task into `_extracted`. Then only the ids of the documents go through Spark's shuffle, which finds the
repeated ones, and every file's task drops its own and writes the final object. Texts are never shuffled.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.progress import StageProgress, console
from jobs.stage import claim, digest
from jobs.units import Unit, pending, run_units, run_watched, user_errors_marked
from rephrase import storage, tables
from rephrase.config import validate
from rephrase.errors import UserError
from rephrase.records import DOCUMENT, ERROR, content_id
from rephrase.text.html import check_extractor
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from jobs.session import LazySession
    from rephrase.config import Input, Run
    from rephrase.readers import RawDocument

_BATCH_DOCUMENTS = 512  # documents whose language and tokens are found in one call
_BATCH_CHARACTERS = 4_000_000  # and at most so many characters, unless one document has more
_EXTRACTED_CHARACTERS = 16_000_000  # of a row group of `_extracted`: what the second pass holds at a time
_ID_TASKS = 2000  # tasks that read ids; each reads many files where there are more
_FOOTERS = 16  # read at a time to see whether there is any document
_MARKER = -1  # a row number that says "this file is to be finished", so that files without duplicates get a task too


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the objects of the stage lie, by the index of their input file."""

    output: str
    files: tuple[storage.FileInfo, ...]

    @property
    def documents(self) -> str:
        return storage.join(self.output, "documents")

    @property
    def extracted(self) -> str:
        return storage.join(self.output, "_extracted")

    def final(self, index: int) -> str:
        return storage.join(self.documents, f"part-{index:05d}.parquet")

    def between(self, index: int) -> str:
        return storage.join(self.extracted, f"{index:05d}.parquet")

    def errors(self, index: int) -> str:
        return storage.join(self.output, "errors", f"shard-{index:05d}.parquet")


def shard(run: Run, spark: LazySession) -> None:
    """Make `<output>/documents` and the `errors` table from the raw input files. Resumes; starts no Spark where all is there.

    Each object's note holds documents, tokens, row_group_tokens, duplicates, dropped_short, dropped_long, errors, bytes (of the pages
    that were read) and seconds (of the task that read them). Raises `UserError` for missing input, a tokenizer or
    a model that does not load, a folder that holds another config's documents, and input that gives no document at all.
    """
    plan = _Plan(run.output, _input_files(_input(run).paths))
    claim(plan.documents, "shard", _meaning(run, plan.files))
    units = [Unit(plan.final(index), index) for index in range(len(plan.files))]
    todo = [unit.payload for unit in pending(units, plan.documents)]
    if todo:
        _check_tools(run)
        _extract(run, spark, plan, todo)
        _deduplicate(run, spark, plan, todo)
    else:
        console.print(f"shard: all {len(units)} units are there already, nothing to do")
    _remove_extracted(plan)
    _check_not_empty(plan)


def _remove_extracted(plan: _Plan) -> None:
    for file in storage.list_files(plan.extracted):
        storage.delete(file.path)
    if not storage.is_s3(plan.extracted):
        with contextlib.suppress(OSError):  # never there, or another driver is at work in it
            os.rmdir(plan.extracted)


def _input(run: Run) -> Input:
    if run.input is None:
        raise UserError("the run has no `input`", where="shard", cure="name files under `input: {paths: …}`")
    return run.input


def _input_files(paths: Sequence[str]) -> tuple[storage.FileInfo, ...]:
    # A file that two patterns name is read once.
    return tuple(dict.fromkeys(file for path in paths for file in storage.expand(path)))


def _meaning(run: Run, files: Sequence[storage.FileInfo]) -> dict[str, Any]:
    listed = digest([[file.path, file.size] for file in files])
    return {
        "input": _input(run).model_dump(exclude={"paths"}),
        "tokenizer": run.tokenizer,
        "files": {"count": len(files), "bytes": sum(file.size for file in files), "digest": listed},
    }


def _check_tools(run: Run) -> None:
    check_extractor(_input(run).extractor)
    Tokenizer.load(run.tokenizer)
    _language_finder(_input(run))
    _scorers(_input(run))
    _scrubber(_input(run))
    _formatters(_input(run))


def _language_finder(config: Input) -> Callable[[list[str]], tuple[list[str | None], Any]] | None:
    if not config.language_model:
        return None
    from classifiers.fasttext_model import load_model

    return load_model(config.language_model).labels


def _scorers(config: Input) -> dict[str, Callable[[list[str]], Any]]:
    if not config.scores:
        return {}
    from classifiers.fasttext_model import load_model

    return {name: load_model(path).scores for name, path in config.scores.items()}


def _scrubber(config: Input) -> Callable[[list[str]], tuple[list[str], list[dict[str, int]]]] | None:
    if config.scrub is False:
        return None
    from classifiers.pii import PiiSettings, scrub

    settings = validate(PiiSettings, {} if config.scrub is True else config.scrub, "input.scrub")
    return functools.partial(scrub, settings=settings)


def _formatters(config: Input) -> list[Callable[[str], str]]:
    from classifiers.datatrove_parts import part_of_datatrove

    entries: list[dict[str, dict[str, Any]]] = [{entry: {}} if isinstance(entry, str) else entry for entry in config.formatters]
    named = [item for entry in entries for item in entry.items()]
    return [part_of_datatrove("formatter", name, arguments or {}, "input.formatters").format for name, arguments in named]


# The first pass: each file on its own.


def _extract(run: Run, spark: LazySession, plan: _Plan, todo: Sequence[int]) -> None:
    units = [Unit(plan.between(index), index) for index in todo]
    missing = pending(units, plan.extracted)
    if not missing:
        return
    session = spark.get()  # before the clock of the progress line starts
    with StageProgress("shard", plan.extracted, len(units), len(units) - len(missing), _words) as progress:
        work = functools.partial(_extract_file, plan=plan, config=_input(run), tokenizer=run.tokenizer)
        run_units(session, missing, work, plan.extracted, progress)


def _words(sums: dict[str, float], seconds: float) -> str:
    rate = sums.get("bytes", 0) / max(seconds, 1e-9) / 1e6
    return f"{sums.get('documents', 0):,.0f} documents, {sums.get('errors', 0):,.0f} read errors, {rate:,.1f} MB/s"


def _extract_file(unit: Unit[int], *, plan: _Plan, config: Input, tokenizer: str) -> None:
    """Read one input file, commit its errors, then its documents: an object of documents says that its errors are there too."""
    from rephrase.readers import Dropped, RawDocument, ReadError, read_documents

    started = time.perf_counter()
    extracted = _Extracted(config, Tokenizer.load(tokenizer))
    counts: Counter[str] = Counter(dropped_short=0, dropped_long=0, bytes=0)
    errors: list[ReadError] = []
    file = plan.files[unit.payload]
    try:
        for item in read_documents(file, config):
            if isinstance(item, ReadError):
                errors.append(item)
                continue
            counts["bytes"] += item.raw_bytes
            if isinstance(item, Dropped):
                counts[f"dropped_{item.reason}"] += 1
            else:
                assert isinstance(item, RawDocument)
                extracted.add(item)
    except FileNotFoundError as error:
        raise UserError(
            "the input file has gone", where=file.path, cure="put it back, or list the input again in another output"
        ) from error
    extracted.flush()
    if errors:
        tables.commit(plan.errors(unit.payload), _error_table(errors), {"errors": len(errors)})
    note = {
        "file": file.path,
        "documents": extracted.documents,
        "tokens": extracted.tokens,
        **counts,
        "scrubbed": dict(extracted.scrubbed),
        "errors": len(errors),
        "seconds": round(time.perf_counter() - started, 3),
    }
    extracted.writer.commit(unit.output, note)


def _error_table(errors: Sequence[Any]) -> pa.Table:
    import pyarrow as pa

    rows = [{"stage": "shard", "file": e.file, "offset": e.offset, "unit": e.unit, "reason": e.reason} for e in errors]
    return pa.Table.from_pylist(rows, ERROR)


class _Extracted:
    """Documents of one file on their way into an object: ids, languages and token counts are found batch by batch."""

    def __init__(self, config: Input, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._find_languages = _language_finder(config)
        self._scorers = _scorers(config)
        self._scrub = _scrubber(config)
        self._formatters = _formatters(config)
        self.scrubbed: Counter[str] = Counter()
        self.writer = tables.Writer(DOCUMENT)
        self.documents = self.tokens = 0
        self._batch: list[RawDocument] = []
        self._batch_characters = self._group_characters = 0
        self._group: list[pa.Table] = []

    def add(self, document: RawDocument) -> None:
        self._batch.append(document)
        self._batch_characters += len(document.text)
        if len(self._batch) >= _BATCH_DOCUMENTS or self._batch_characters >= _BATCH_CHARACTERS:
            self._end_batch()

    def flush(self) -> None:
        self._end_batch()
        self._end_group()

    def _end_batch(self) -> None:
        if not self._batch:
            return
        table = self._table(self._batch)
        self.documents += table.num_rows
        self._group.append(table)
        self._group_characters += self._batch_characters
        self._batch, self._batch_characters = [], 0
        if self._group_characters >= _EXTRACTED_CHARACTERS:
            self._end_group()

    def _end_group(self) -> None:
        import pyarrow as pa

        if self._group:
            self.writer.add(pa.concat_tables(self._group))
        self._group, self._group_characters = [], 0

    def _table(self, batch: Sequence[RawDocument]) -> pa.Table:
        import pyarrow as pa

        texts = [document.text for document in batch]
        for formatter in self._formatters:
            texts = [formatter(text) for text in texts]
        if self._scrub:
            texts, found = self._scrub(texts)
            for kinds in found:
                self.scrubbed.update(kinds)
        counts = self._tokenizer.count(texts)
        self.tokens += sum(counts)
        languages: list[str | None] = [document.language for document in batch]
        scores: Any = [document.language_score for document in batch]
        if self._find_languages:
            languages, scores = self._find_languages(texts)
        metadata = [dict(document.metadata) for document in batch]
        for name, scorer in self._scorers.items():
            for values, score in zip(metadata, scorer(texts), strict=True):
                if not math.isnan(score):
                    values[name] = f"{score:.6f}"
        columns = [
            pa.array([content_id(text) for text in texts], pa.string()),
            pa.array(texts, pa.string()),
            pa.array([document.source for document in batch], pa.string()),
            pa.array([document.url for document in batch], pa.string()),
            pa.array(languages, pa.string()),
            pa.array(scores, pa.float32(), from_pandas=True),  # NaN, for texts without a language, becomes null
            pa.array(counts, pa.int64()),
            pa.array([document.synthetic_depth for document in batch], pa.int32()),
            pa.array([document.license for document in batch], pa.string()),
            pa.array([list(values.items()) for values in metadata], DOCUMENT.field("metadata").type),
        ]
        return pa.Table.from_arrays(columns, schema=DOCUMENT)


# The second pass: all ids are compared, then each file drops its repeated documents.


def _deduplicate(run: Run, spark: LazySession, plan: _Plan, todo: Sequence[int]) -> None:
    session = spark.get()
    with StageProgress("dedup", plan.documents, len(plan.files), len(plan.files) - len(todo), _words_of_dedup) as progress:
        # Each file of `todo` is one partition, told by its place in `todo`: its own repeated rows, and a marker.
        repeated = _repeated_rows(session, plan, todo)
        markers = session.range(0, len(todo), 1, 1).selectExpr("cast(id as int) as place", f"cast({_MARKER} as long) as row")
        places = repeated.unionAll(markers).repartitionById(len(todo), "place")
        tokens_per_unit = _input(run).tokens_per_unit
        indexes = list(todo)

        def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rows: dict[int, list[int]] = {}
            for batch in batches:
                for place, row in zip(batch.column(0).to_numpy(), batch.column(1).to_numpy(), strict=True):
                    rows.setdefault(int(place), []).append(int(row))
            with user_errors_marked():
                for place in sorted(rows):
                    _finish_file(plan, indexes[place], rows[place], tokens_per_unit)
            yield from ()

        done = places.mapInArrow(body, "place int")
        run_watched(done.count, progress)


def _words_of_dedup(sums: dict[str, float], _seconds: float) -> str:
    documents, tokens, duplicates = (sums.get(name, 0) for name in ("documents", "tokens", "duplicates"))
    return f"{documents:,.0f} documents, {tokens:,.0f} tokens, {duplicates:,.0f} duplicates dropped"


def _repeated_rows(session: SparkSession, plan: _Plan, todo: Sequence[int]) -> DataFrame:
    """(place in `todo`, row of `_extracted`) of each document whose text an earlier file, or an earlier row of its own file, has.

    Finished files take part with what they kept: a text that one of them kept is repeated wherever else it stands.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    place_of = {index: place for place, index in enumerate(todo)}
    count = len(plan.files)
    tasks = min(count, _ID_TASKS)

    def ids(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with user_errors_marked():
            for batch in batches:
                for task in batch.column(0).to_numpy():
                    for index in range(int(task), count, tasks):
                        place = place_of.get(index, -1)
                        path = plan.final(index) if place < 0 else plan.between(index)
                        found = tables.read(path, ["id"]).column("id").combine_chunks()
                        size = len(found)
                        columns = [
                            found,
                            pa.array([index] * size, pa.int32()),
                            pa.array(range(size), pa.int64()),
                            pa.array([place] * size, pa.int32()),
                        ]
                        yield pa.RecordBatch.from_arrays(columns, ["id", "file", "row", "place"])

    frame = session.range(0, tasks, 1, tasks).mapInArrow(ids, "id string, file int, row long, place int")
    # Sorted within an id, not collected: an id that stands a million times needs no memory.
    order = sql.row_number().over(Window.partitionBy("id").orderBy("file", "row"))
    return frame.withColumn("occurrence", order).where("occurrence > 1 and place >= 0").select("place", "row")


def _finish_file(plan: _Plan, index: int, repeated: Sequence[int], tokens_per_unit: int) -> None:
    """Write one file's final object from what was extracted, without the repeated rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    extracted = plan.between(index)
    note = tables.footer(extracted).note
    groups = _Groups(tokens_per_unit)
    dropped = np.array(sorted(row for row in repeated if row != _MARKER), dtype=np.int64)
    first = 0
    with storage.open_random(extracted) as stream, pq.ParquetFile(stream) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number).cast(DOCUMENT)
            keep = np.ones(table.num_rows, dtype=bool)
            keep[dropped[(dropped >= first) & (dropped < first + table.num_rows)] - first] = False
            first += table.num_rows
            groups.add(table.filter(pa.array(keep)))
    groups.flush()
    note |= {
        "documents": groups.documents,
        "duplicates": len(dropped),
        "tokens": sum(groups.tokens),
        "row_group_tokens": groups.tokens,
    }
    groups.writer.commit(plan.final(index), note)


class _Groups:
    """Rows on their way into row groups of a given number of tokens; the document that reaches it ends the group."""

    def __init__(self, tokens_per_group: int) -> None:
        self._limit = tokens_per_group
        self.writer = tables.Writer(DOCUMENT)
        self.documents = 0
        self.tokens: list[int] = []
        self._open: list[pa.Table] = []
        self._open_tokens = 0

    def add(self, table: pa.Table) -> None:
        import numpy as np

        self.documents += table.num_rows
        running = np.cumsum(table.column("n_tokens").to_numpy())
        at = before = 0
        while at < table.num_rows:
            end = min(int(np.searchsorted(running, before + self._limit - self._open_tokens)) + 1, table.num_rows)
            self._open.append(table.slice(at, end - at))
            self._open_tokens += int(running[end - 1]) - before
            at, before = end, int(running[end - 1])
            if self._open_tokens >= self._limit:
                self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if self._open:
            self.writer.add(pa.concat_tables(self._open))
            self.tokens.append(self._open_tokens)
        self._open, self._open_tokens = [], 0


def _check_not_empty(plan: _Plan) -> None:
    counts: Counter[str] = Counter()
    for first in range(0, len(plan.files), _FOOTERS):  # almost always the first few tell
        last = min(first + _FOOTERS, len(plan.files))
        for footer in tables.footers(plan.final(index) for index in range(first, last)):
            if footer.note.get("documents"):
                return
            counts.update({key: footer.note.get(key, 0) for key in ("dropped_short", "dropped_long", "errors")})
    said = f"{counts['dropped_short']:,} too short, {counts['dropped_long']:,} too long, {counts['errors']:,} read errors"
    reasons: Counter[str] = Counter()
    for path in tables.objects(storage.join(plan.output, "errors")):
        reasons.update(str(reason) for reason in tables.read(path, ["reason"]).column("reason").to_pylist())
    often = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
    raise UserError(
        f"the input gives no documents: {said}{often}",
        where=plan.files[0].path if len(plan.files) == 1 else f"{len(plan.files)} input files",
        cure="check `input.format`, `input.fields` and `input.min_characters`",
    )


if __name__ == "__main__":
    from jobs.cli import stage_main

    stage_main("shard")
