"""A search for duplicates in this process: the functions that Spark's tasks run, with one partition in place of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from rephrase import storage
from rephrase.config.duplicates import Dedup, Semantic
from rephrase.records import DOCUMENT, content_id
from rephrase.spark.stages.dedup.candidates import _SLACK, _bands, _pairs
from rephrase.spark.stages.dedup.clustered import _centroids, _centroids_of, _drawn, _visits, vectors_in
from rephrase.spark.stages.dedup.embedding import Embedded, embed
from rephrase.spark.stages.dedup.meaning_search import _paired, _units
from rephrase.spark.stages.dedup.searched import ORIGINAL, Searched
from rephrase.spark.stages.dedup.signing import sign
from rephrase.spark.stages.dedup.stage import minhash_of
from rephrase.spark.stages.dedup.stars import _decided
from rephrase.spark.stages.dedup.texts import texts_of
from rephrase.spark.stages.dedup.verified import Verifying, _compared, _sent
from rephrase.storage import tables

Batches = Iterator[pa.RecordBatch]


def through(batches: Iterable[pa.RecordBatch], body: Callable[[Batches], Batches], *order: str) -> list[pa.RecordBatch]:
    """What a task makes of the rows of all batches, sorted."""
    parts = [batch for batch in batches if batch.num_rows]
    if not parts:
        return []
    rows = pa.Table.from_batches(parts)
    rows = rows.sort_by([(name, "ascending") for name in order]) if order else rows
    return list(body(iter(rows.combine_chunks().to_batches(max_chunksize=512))))


def pairs_alike(folder: Path, texts: list[str], settings: Dedup) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """Candidates and verified pairs of texts, which become one object of documents, an id each."""
    rows = [{"id": content_id(text), "text": text} for text in texts]
    path = str(folder / "documents" / "part-00000.parquet")
    tables.commit(path, pa.Table.from_pylist(rows, schema=DOCUMENT), row_groups=None)
    here = Searched(str(folder / "signatures" / "part-00000.parquet"), ORIGINAL, False, path)
    minhash = minhash_of(settings)
    sign(here, minhash, None)
    bands = [band for batch in texts_of([here], 0) for band in _bands(batch, minhash)]
    found = through(bands, lambda batches: _pairs(batches, settings.min_similarity - _SLACK, ORIGINAL), "key", "node")
    pairs = pa.Table.from_batches(found).group_by(["first", "first_place", "second", "second_place"]).aggregate([]) if found else None
    pairs = [] if pairs is None else pairs.filter(pa.compute.is_valid(pairs.column("first"))).to_batches()
    sent = through(pairs, lambda batches: _sent(batches, [here]), "first_place", "second")
    verifying = Verifying(minhash, settings.min_similarity, settings.slots)
    return pairs, through(sent, lambda batches: _compared(batches, [here], verifying), "object", "second_place", "first")


def gone_in(folder: Path, texts: list[str], settings: Dedup) -> dict[str, tuple[str, float]]:
    """The ids that go, each with the id that stays and their similarity."""
    _, verified = pairs_alike(folder, texts, settings)
    gone = [row for batch in through(verified, _decided, "second", "first") for row in batch.to_pylist()]
    return {row["node"][2:].hex(): (row["kept"][2:].hex(), row["similarity"]) for row in gone}


def gone_in_meaning(folder: Path, texts: list[str], semantic: Semantic, parts: int = 1) -> dict[str, tuple[str, float]]:
    """The ids that go by their meaning, each with the id that stays and their cosine; each cluster is cut into so many parts."""
    rows = [{"id": content_id(text), "text": text} for text in texts]
    path = str(folder / "documents" / "part-00000.parquet")
    tables.commit(path, pa.Table.from_pylist(rows, schema=DOCUMENT), row_groups=None)
    here = Embedded(Searched("", ORIGINAL, False, path), str(folder / "embeddings" / "part-00000.parquet"))
    count = embed(here, semantic, None)
    centroids = str(folder / "centroids.npy")
    sample = through(_drawn(here.embeddings, 1, count), lambda batches: batches, "turn", "vector")
    storage.create(centroids, _centroids_of(iter(sample), semantic, count))
    units = []
    for batch in vectors_in([here], 0):
        visits = _visits(batch.append_column("held", pa.nulls(len(batch))), _centroids(centroids), semantic)
        units += _units(visits, dict.fromkeys(range(count), parts))
    pairs = through(units, lambda batches: _paired(batches, semantic.threshold, ORIGINAL), "unit", "node")
    compared = [batch.filter(pa.compute.is_valid(batch.column("first"))) for batch in pairs]
    gone = [row for batch in through(compared, _decided, "second", "first") for row in batch.to_pylist()]
    return {row["node"][-16:].hex(): (row["kept"][-16:].hex(), row["similarity"]) for row in gone}
