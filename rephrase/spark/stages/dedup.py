"""Near duplicates of a table, by MinHash on Spark: one text of each cluster stays.

Signatures are made where the texts are read; what is shuffled are keys of bands with a sketch to compare by, a hundred bytes each.
Clusters are put together in one task, which holds the pairs that were found and nothing of the others.
Run alone with `rephrase dedup run.yaml`, after the filter stage; documents are searched by the screen stage, before the rewriting.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from classifiers.minhash import NO_KEY, MinhashSettings, band_keys, connected, signatures
from rephrase import storage
from rephrase.notes import DuplicatesNote
from rephrase.records import DUPLICATE, KEEP
from rephrase.spark.runtime.job import Job, open_job
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.dropped import DONE, duplicates_of, folders_of, without_dropped
from rephrase.spark.stages.ledger import claim, described, replace_other, stage_note
from rephrase.spark.stages.meaning import Defaults, Meaning, defaults_of
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Dedup, Run
    from rephrase.spark.runtime.session import LazySession

_SKETCH = 64  # places of a signature, one byte each: two that differ agree by chance in one of 256
_HEADS = 32  # texts of one key that others are compared with; more are as alike by their band alone
_ROWS = 256  # texts whose keys make a batch
_BANDS_DDL = "key long, node binary, document binary, object int, sketch binary"
_PAIRS_DDL = "first binary, first_object int, second binary, second_object int"
_GONE_DDL = "object int, id string, kept_id string"


@dataclass(frozen=True, slots=True)
class _Searched:
    """The objects to search, and what each task needs to read them."""

    paths: tuple[str, ...]
    originals: int  # so many of the paths, the first ones, hold documents
    drops: dict[str, tuple[str, ...]]
    score: str | None
    minhash: MinhashSettings


def find_duplicates(run: Run, spark: LazySession, table: Table, *, replace: bool = False) -> None:
    """Make `<output>/duplicates/<table>`: for each object of the table the rows that are out, with the id of the text that stays.

    Of documents those are searched that screening kept; of judged rows the kept generations, with the documents, where documents stay
    before generations and a generation is no duplicate of its own document: `copied` judges that. Then higher scores stay. Resumes;
    `_clusters.json` is written last. `replace` removes what another config found, once all objects are known to be Parquet.
    Raises `UserError` for missing tables.
    """
    assert run.dedup is not None
    duplicates = duplicates_of(table)
    folder = duplicates.folder(run.output)
    searched, meaning = _searched(run, run.dedup, table), meaning_of(run, table)
    if replace:

        def begin() -> None:
            spark.get()
            tables.check_readable(searched.paths)

        replace_other(folder, duplicates, meaning, begin)
    claim(folder, duplicates, meaning)
    if storage.exists(storage.join(folder, DONE)):
        console.print(f"dedup ({table.path}): the duplicates are known, nothing to do")
        return
    settings = run.dedup
    console.print(f"dedup ({table.path}): {len(searched.paths):,} objects to search")
    with open_job(spark.get(), folder, title=f"dedup ({table.path})") as job:
        counts = _search(job, searched, settings.min_similarity, folder)
    storage.create(storage.join(folder, DONE), orjson.dumps(counts))
    console.print(f"dedup ({table.path}): {counts['duplicates']:,} texts are near duplicates of {counts['kept']:,} that stay")


def searched_tables(table: Table) -> tuple[Table, ...]:
    """The tables whose texts are compared to find the duplicates of one."""
    return (Tables.DOCUMENTS,) if table is Tables.DOCUMENTS else (Tables.DOCUMENTS, table)


def meaning_of(run: Run, table: Table) -> Meaning:
    """What the duplicates of a table depend on. Raises `UserError` where it is missing."""
    assert run.dedup is not None
    objects_of(run.output, table)
    needed = [source for source in searched_tables(table) if tables.objects(source.folder(run.output))]
    needed += [Tables.SCREENED] if Tables.SCREENED.is_configured(run) else []
    digests = {source.path: stage_note(source.folder(run.output))["digest"] for source in needed}
    content = {"tables": digests, "dedup": run.dedup.model_dump(mode="json")}
    explained = {"tables": {source.path: described(source.folder(run.output)) for source in needed}}
    return Meaning(content, Defaults(below={"dedup": defaults_of(type(run.dedup))}), explained)


def _searched(run: Run, settings: Dedup, table: Table) -> _Searched:
    objects_of(run.output, table)
    objects = {source: tables.objects(source.folder(run.output)) for source in searched_tables(table)}
    folders = folders_of(run, Tables.DOCUMENTS)
    folders = folders[:-1] if table is Tables.DOCUMENTS else folders  # the last says what this search finds
    documents = objects[Tables.DOCUMENTS]
    minhash = MinhashSettings(ngram=settings.ngram, bands=settings.bands, rows=settings.rows, seed=settings.seed)
    paths = tuple(path for several in objects.values() for path in several)
    return _Searched(paths, len(documents), dict.fromkeys(documents, folders), settings.score, minhash)


def _search(job: Job, searched: _Searched, min_similarity: float, folder: str) -> dict[str, int]:
    """Find the duplicates and write them. Returns how many there are, and how many texts stay for them."""

    def banded(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from _bands(searched, number)

    def paired(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _pairs(batches, min_similarity)

    def written(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _write(batches, [storage.join(folder, storage.name_of(path)) for path in searched.paths])

    numbers = job.spark.range(0, len(searched.paths), 1, len(searched.paths))
    bands = numbers.mapInArrow(job.reporting(banded), _BANDS_DDL)
    pairs = bands.repartition("key").sortWithinPartitions("key", "node").mapInArrow(job.reporting(paired), _PAIRS_DDL).distinct()
    gone = pairs.repartition(1).mapInArrow(job.reporting(_clusters), _GONE_DDL)
    # A fixed order within the object makes its bytes the same, whoever writes it.
    ordered = gone.repartition("object").sortWithinPartitions("object", "id")
    parts = ordered.mapInArrow(job.reporting(written), "duplicates long, kept long")
    sums = job.run(parts.groupBy().sum("duplicates", "kept").toArrow).to_pylist()[0]
    return {"duplicates": sums["sum(duplicates)"] or 0, "kept": sums["sum(kept)"] or 0}


def _bands(searched: _Searched, number: int) -> Iterator[pa.RecordBatch]:
    """The keys of all texts of one object, with what tells a text apart and how well it stands against others."""
    path, original = searched.paths[number], number < searched.originals
    columns = ["id", "text", "metadata"] if original else ["id", "text", "document_id", "verdict", "scores"]
    for group in tables.read_row_groups(path, columns):
        rows = without_dropped(group, path, searched.drops.get(path, ()))
        for at in range(0, rows.num_rows, _ROWS):
            part = rows.slice(at, _ROWS).to_pylist()
            part = part if original else [row for row in part if row["verdict"] == KEEP]
            if part:
                yield from _banded(part, searched, number, original=original)


def _banded(part: list[dict[str, Any]], searched: _Searched, number: int, *, original: bool) -> Iterator[pa.RecordBatch]:
    sketched = signatures([row["text"] or "" for row in part], searched.minhash)
    keys = band_keys(sketched, searched.minhash)
    scores = "metadata" if original else "scores"
    # Sorts by who stays: originals, then high scores, then ids, which are as good as random and the same on every machine.
    nodes = [bytes([not original, 255 - _score(row[scores], searched.score)]) + bytes.fromhex(row["id"]) for row in part]
    documents = [b"" if original else bytes.fromhex(row["document_id"]) for row in part]
    sketches = [sketch.tobytes() for sketch in sketched[:, :_SKETCH].astype(np.uint8)]
    band_count = keys.shape[1]
    keep = keys.reshape(-1) != NO_KEY
    rows = pa.array(np.repeat(np.arange(len(part)), band_count)[keep])
    columns = [pa.array(keys.reshape(-1)[keep].view(np.int64))]
    columns += [pa.array(values, pa.binary()).take(rows) for values in (nodes, documents)]
    columns += [pa.array(np.full(len(rows), number, np.int32)), pa.array(sketches, pa.binary()).take(rows)]
    yield pa.RecordBatch.from_arrays(columns, ["key", "node", "document", "object", "sketch"])


def _score(scores: Any, name: str | None) -> int:
    """A score as 0 to 255; 0 where there is none."""
    try:
        return int(255 * min(1.0, max(0.0, float(dict(scores or ()).get(name, 0)))))
    except ValueError:  # metadata may hold anything
        return 0


def _pairs(batches: Iterator[pa.RecordBatch], min_similarity: float) -> Iterator[pa.RecordBatch]:
    """Texts with the same key that are alike, each with the first such in the order of nodes. Rows come sorted by key and node."""
    key: int | None = None
    heads: list[_Head] = []
    for batch in batches:
        keys = batch.column("key").to_numpy()
        edges = np.flatnonzero(np.diff(keys)) + 1
        pairs: list[tuple[bytes, int, bytes, int]] = []
        for start, end in itertools.pairwise([0, *edges.tolist(), len(keys)]):
            if keys[start] != key:
                key, heads = int(keys[start]), []
                if end - start == 1 and end < len(keys):
                    continue  # alone with its key, as most are
            for row in batch.slice(start, end - start).to_pylist():
                head = _Head(row["node"], row["document"], row["object"], np.frombuffer(row["sketch"], np.uint8))
                first = next((earlier for earlier in heads if earlier.like(head, min_similarity)), None)
                if first is not None:
                    pairs.append((first.node, first.object, head.node, head.object))
                elif len(heads) < _HEADS:
                    heads.append(head)
        if pairs:
            names = ["first", "first_object", "second", "second_object"]
            types = [pa.binary(), pa.int32(), pa.binary(), pa.int32()]
            yield pa.RecordBatch.from_arrays([pa.array(list(c), t) for c, t in zip(zip(*pairs, strict=True), types, strict=True)], names)


@dataclass(frozen=True, slots=True)
class _Head:
    node: bytes
    document: bytes
    object: int
    sketch: Any

    def like(self, other: _Head, min_similarity: float) -> bool:
        same_text_again = self.node == other.node
        of_its_own_document = other.document == self.node[2:]
        return not same_text_again and not of_its_own_document and float(np.mean(self.sketch == other.sketch)) >= min_similarity


def _clusters(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """All members of all clusters but the one that stays, which is the first of its cluster in the order of nodes."""
    parts = list(batches)
    if not parts:
        return
    pairs = pa.Table.from_batches(parts)
    nodes = np.array(pairs.column("first").to_pylist() + pairs.column("second").to_pylist(), "S18")
    objects = np.concatenate([pairs.column("first_object").to_numpy(), pairs.column("second_object").to_numpy()])
    names, first, codes = np.unique(nodes, return_index=True, return_inverse=True)
    stays = connected(codes.reshape(2, -1).T, len(names))
    gone = np.flatnonzero(stays != np.arange(len(names)))
    for at in range(0, len(gone), 4096):
        chosen = gone[at : at + 4096]
        columns = [pa.array(objects[first[chosen]], pa.int32()), _ids(names[chosen]), _ids(names[stays[chosen]])]
        yield pa.RecordBatch.from_arrays(columns, ["object", "id", "kept_id"])


def _ids(nodes: Any) -> pa.Array:
    return pa.array([node.ljust(18, b"\0")[2:].hex() for node in nodes.tolist()], pa.string())


def _write(batches: Iterator[pa.RecordBatch], outputs: list[str]) -> Iterator[pa.RecordBatch]:
    """Create the object of duplicates beside each object that has some."""
    rows = itertools.chain.from_iterable(batch.to_pylist() for batch in batches)
    for number, group in itertools.groupby(rows, key=lambda row: row["object"]):
        table = pa.Table.from_pylist([{"id": row["id"], "kept_id": row["kept_id"]} for row in group], schema=DUPLICATE)
        kept = len(set(table.column("kept_id").to_pylist()))
        tables.commit(outputs[number], table, DuplicatesNote(duplicates=table.num_rows, kept=kept))
        yield pa.RecordBatch.from_pydict({"duplicates": [table.num_rows], "kept": [kept]})
