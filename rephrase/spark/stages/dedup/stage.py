"""Near duplicates of a table, by MinHash on Spark: a text goes where a similar one that stands before it stays.

Signatures are made where the texts are read, and stored. Bands of them tell which texts to compare; those are read again and compared as
texts. Run alone with `rephrase dedup run.yaml`, after the filter stage; documents are searched by the screen stage, before the rewriting.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from classifiers.minhash import MinhashSettings
from rephrase import storage
from rephrase.spark.runtime.job import Job, open_job
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.dedup.embedding import NEEDED_BY
from rephrase.spark.stages.dedup.meaning_search import Meant
from rephrase.spark.stages.dedup.meant import make_embeddings, meant_by
from rephrase.spark.stages.dedup.search import duplicates_in
from rephrase.spark.stages.dedup.searched import Searched, searched_objects, searched_tables
from rephrase.spark.stages.dedup.seen import Shards, write_seen
from rephrase.spark.stages.dedup.signing import sign
from rephrase.spark.stages.dedup.verified import Verifying
from rephrase.spark.stages.dedup.writing import write_duplicates
from rephrase.spark.stages.dropped import DONE, duplicates_of
from rephrase.spark.stages.ledger import claim, described, note_of, replace_other, stage_note
from rephrase.spark.stages.meaning import Defaults, Meaning, defaults_of
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables
from rephrase.text.embeddings import folder_digest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.config.duplicates import Bloom, Dedup
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession


def find_duplicates(run: Run, spark: LazySession, table: Table, *, replace: bool = False) -> None:
    """Make `<output>/duplicates/<table>`: for each object of the table the rows that are out, with the id of the text that stays.

    Of documents those are searched that screening kept; of judged rows the kept generations, with the documents, where documents stay
    before generations and a generation is no duplicate of its own document: `copied` judges that. Then higher scores stay. Resumes;
    `_clusters.json` is written last. `replace` removes what another config found, once all objects are known to be Parquet.
    Raises `UserError` for missing tables.
    """
    assert run.dedup is not None
    settings = run.dedup
    duplicates = duplicates_of(table)
    folder = duplicates.folder(run.output)
    searched, meaning = searched_objects(run, table), meaning_of(run, table)
    if replace:

        def begin() -> None:
            spark.get()
            tables.check_readable(here.path for here in searched if here.path)

        replace_other(folder, duplicates, meaning, begin)
    claim(folder, duplicates, meaning)
    if storage.exists(storage.join(folder, DONE)):
        console.print(f"dedup ({table.path}): the duplicates are known, nothing to do")
        return
    console.print(f"dedup ({table.path}): {len(searched):,} objects to search")
    meant = meant_by(run, table, searched)
    outputs = [storage.join(folder, storage.name_of(here.path)) for here in searched]
    with open_job(spark.get(), folder, title=f"dedup ({table.path})") as job:
        if settings.bloom is not None:
            counts = _find_seen(job, searched, settings.bloom, outputs)
        else:
            _sign(job, searched, settings)
            if meant is not None:
                make_embeddings(job, meant, settings)
            counts = _find(job, searched, settings, meant, outputs)
    storage.create(storage.join(folder, DONE), orjson.dumps(counts))
    console.print(f"dedup ({table.path}): {_told(counts, settings)}")


def meaning_of(run: Run, table: Table) -> Meaning:
    """What the duplicates of a table depend on. Raises `UserError` where it is missing."""
    assert run.dedup is not None
    objects_of(run.output, table)
    needed = [source for source in searched_tables(table) if tables.objects(source.folder(run.output))]
    needed += [Tables.SCREENED] if Tables.SCREENED.is_configured(run) else []
    digests = {source.path: stage_note(source.folder(run.output))["digest"] for source in needed}
    against = {output: _digests(output) for output in run.dedup.against}
    content = {"tables": digests, "dedup": _settings(run.dedup), **({"against": against} if against else {})}
    explained = {"tables": {source.path: described(source.folder(run.output)) for source in needed}}
    return Meaning(content, Defaults(below={"dedup": defaults_of(type(run.dedup))}), explained)


def _settings(dedup: Dedup) -> dict[str, Any]:
    """The settings, with a model as it is, wherever it is."""
    settings: dict[str, Any] = dedup.model_dump(mode="json")
    if dedup.semantic is not None:
        settings["semantic"]["model"] = folder_digest(dedup.semantic.model, NEEDED_BY)
    return settings


def _digests(output: str) -> dict[str, str]:
    """What the duplicates of an earlier run depend on."""
    folders = {table.path: table.folder(output) for table in (Tables.DUPLICATE_DOCUMENTS, Tables.DUPLICATE_GENERATIONS)}
    return {path: note["digest"] for path, folder in folders.items() if (note := note_of(folder))}


def minhash_of(settings: Dedup) -> MinhashSettings:
    """What makes up the signatures of a run."""
    return MinhashSettings(ngram=settings.ngram, bands=settings.bands, rows=settings.rows, seed=settings.seed)


def _sign(job: Job, searched: Sequence[Searched], settings: Dedup) -> None:
    """Store what signatures are missing."""
    minhash, score = minhash_of(settings), settings.score

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                sign(searched[number], minhash, score)
        yield from ()

    numbers = job.spark.range(0, len(searched), 1, len(searched))
    job.run(numbers.mapInArrow(job.reporting(body), "done int").count, about="signatures")


def _find(job: Job, searched: Sequence[Searched], settings: Dedup, meant: Meant | None, outputs: Sequence[str]) -> dict[str, int]:
    """Find the duplicates and write them. Returns how many there are, how many texts stay for them, and how many go by meaning alone."""
    paths = list(outputs)

    def written(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _write(batches, paths)

    verifying = Verifying(minhash_of(settings), settings.min_similarity, settings.slots)
    with contextlib.ExitStack() as stack:

        def keep(frame: DataFrame) -> DataFrame:
            stack.callback(frame.unpersist)
            return frame.persist()

        gone = duplicates_in(job, searched, verifying, meant, keep)
        # A fixed order within the object makes its bytes the same, whoever writes it.
        ordered = gone.repartition("object").sortWithinPartitions("object", "id")
        parts = ordered.mapInArrow(job.reporting(written), "duplicates long, kept long, semantic long")
        sums = job.run(parts.groupBy().sum("duplicates", "kept", "semantic").toArrow, about="writing").to_pylist()[0]
    return {name: sums[f"sum({name})"] or 0 for name in ("duplicates", "kept", "semantic")}


def _find_seen(job: Job, searched: Sequence[Searched], bloom: Bloom, outputs: Sequence[str]) -> dict[str, int]:
    """Write what is made of n-grams that were seen before. Returns how many texts there are, and the n-grams that the filter has."""
    duplicates, ngrams = write_seen(job, searched, bloom, outputs)
    return {"duplicates": duplicates, "ngrams": ngrams}


def _told(counts: Mapping[str, int], settings: Dedup) -> str:
    """What was found, in words."""
    if settings.bloom is None:
        by_meaning = f"; {counts['semantic']:,} of them by their meaning alone" if settings.semantic else ""
        return f"{counts['duplicates']:,} texts are near duplicates of {counts['kept']:,} that stay{by_meaning}"
    wrong = f"a new one is taken for one of them in {Shards.of(settings.bloom).error(counts['ngrams']):.1%} of cases"
    told = f"{counts['duplicates']:,} texts have n-grams of texts before them; the filter holds {counts['ngrams']:,}, and {wrong}"
    over = counts["ngrams"] > settings.bloom.expected
    return told + (f": more than the {settings.bloom.expected:,} of `dedup.bloom.expected`, so raise it" if over else "")


def _write(batches: Iterator[pa.RecordBatch], outputs: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Create the object of duplicates beside each object that has some."""
    rows = itertools.chain.from_iterable(batch.to_pylist() for batch in batches)
    for number, group in itertools.groupby(rows, key=lambda row: row["object"]):
        note = write_duplicates(outputs[number], list(group))
        yield pa.RecordBatch.from_pydict({"duplicates": [note.duplicates], "kept": [note.kept], "semantic": [note.semantic]})
