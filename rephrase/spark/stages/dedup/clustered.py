"""Clusters of embeddings on Spark: their centres, made by one task on a sample of bounded size, and where each text is compared."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.centroids import Vectors, centroids_of, visits_of
from classifiers.words import Hashes, mixed
from rephrase import storage
from rephrase.config.duplicates import Semantic
from rephrase.spark.stages.dedup.embedding import Embedded, vectors_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_SAMPLE = 64 << 20  # bytes of the vectors that centres are made on
_OF_A_CLUSTER = 16  # texts of the sample for each centre at least
_NO_CHARACTERS = (1 << 32) - 1
_SAMPLE_DDL = "turn long, vector binary"
VECTORS_DDL = "key binary, document binary, object int, rank int, characters long, vector binary"
VISITS_DDL = "cluster int, home boolean, node binary, document binary, object int, vector binary"


def make_centroids(job: Job, embedded: Sequence[Embedded], semantic: Semantic, seed: int, texts: int, path: str) -> None:
    """Store the centres at this path, unless they are there. `texts`: how many have embeddings."""
    if storage.exists(path):
        return
    objects = [here.embeddings for here in embedded]

    def drawn(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from _drawn(objects[number], seed, texts)

    def made(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        storage.create(path, _centroids_of(batches, semantic, texts))
        yield from ()

    sample = job.spark.range(0, len(objects), 1, len(objects)).mapInArrow(job.reporting(drawn), _SAMPLE_DDL)
    ordered = sample.repartition(1).sortWithinPartitions("turn", "vector")
    job.run(ordered.mapInArrow(job.reporting(made), "done int").count, about="clusters")


def _drawn(path: str, seed: int, texts: int) -> Iterator[pa.RecordBatch]:
    """The texts of an object that a hash of their ids draws: of all objects together, about as many as fit into the sample."""
    for group in tables.read_row_groups(path, ["id", "vector"]):
        for batch in group.combine_chunks().to_batches(max_chunksize=1024):
            size = len(batch.column("vector")[0].as_py()) // 2 * 4
            share = min(1.0, _SAMPLE / (size * max(texts, 1)))
            turns = mixed(_numbers(batch.column("id")) ^ mixed(np.array([seed], np.uint64)))
            known = vectors_of(batch.column("vector")).any(axis=1)
            rows = pa.array(np.flatnonzero((turns / 2.0**64 < share) & known))
            columns = [pa.array(turns.view(np.int64)).take(rows), batch.column("vector").take(rows)]
            yield pa.RecordBatch.from_arrays(columns, ["turn", "vector"])


def _centroids_of(sampled: Iterator[pa.RecordBatch], semantic: Semantic, texts: int) -> bytes:
    """The object with the centres, of a sample in a fixed order."""
    parts = [vectors_of(batch.column("vector")) for batch in sampled if batch.num_rows]
    sample = np.concatenate(parts) if parts else np.zeros((1, 1), np.float32)
    most = max(1, len(sample) // _OF_A_CLUSTER)
    count = min(most, math.isqrt(texts)) if semantic.clusters == "auto" else min(len(sample), semantic.clusters)
    file = io.BytesIO()
    np.save(file, centroids_of(sample, max(1, count)))
    return file.getvalue()


def _numbers(ids: pa.Array) -> Hashes:
    return np.array([int(name[:16], 16) for name in ids.to_pylist()], np.uint64)


@functools.lru_cache(maxsize=2)
def _centroids(path: str) -> Vectors:
    centroids: Vectors = np.load(io.BytesIO(storage.read(path)))
    return centroids


def vectors_in(embedded: Sequence[Embedded], number: int) -> Iterator[pa.RecordBatch]:
    """The texts of one object that have a vector. `key` is the text's standing and its id."""
    here = embedded[number]
    gone_at = here.searched.gone
    gone = tables.read(gone_at, ["id"]).column("id") if gone_at and storage.exists(gone_at) else None
    for group in tables.read_row_groups(here.embeddings):
        rows = group if gone is None else group.filter(pc.invert(pc.is_in(group.column("id"), gone)))
        for batch in rows.combine_chunks().to_batches(max_chunksize=1024):
            known = batch.filter(pa.array(vectors_of(batch.column("vector")).any(axis=1)))
            standing = bytes([here.searched.standing])
            keys = [standing + bytes.fromhex(name) for name in known.column("id").to_pylist()]
            documents = [bytes.fromhex(name) if name else b"" for name in known.column("document_id").to_pylist()]
            columns = [pa.array(keys, pa.binary()), pa.array(documents, pa.binary())]
            columns += [pa.array(np.full(len(keys), number, np.int32)), known.column("rank").cast(pa.int32())]
            columns += [known.column("characters"), known.column("vector")]
            yield pa.RecordBatch.from_arrays(columns, ["key", "document", "object", "rank", "characters", "vector"])


def visits(job: Job, texts: DataFrame, path: str, semantic: Semantic) -> DataFrame:
    """A row for each text and cluster in which it is compared. `texts` has the columns of `VECTORS_DDL`, and `held`.

    `node` is what decides who stays, the lesser of two: the text's standing, whether others went for it, its rank, and its id.
    """

    def visiting(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield _visits(batch, _centroids(path), semantic)

    return texts.mapInArrow(job.reporting(visiting), VISITS_DDL)


def _visits(batch: pa.RecordBatch, centroids: Vectors, semantic: Semantic) -> pa.RecordBatch:
    vectors = vectors_of(batch.column("vector"))
    text, cluster, cosines = visits_of(vectors, centroids, semantic.threshold, semantic.neighbours)
    if semantic.keep == "score":
        ranks = batch.column("rank").to_pylist()
    elif semantic.keep == "longest":
        ranks = [max(0, _NO_CHARACTERS - count) for count in batch.column("characters").to_pylist()]
    else:
        ranks = [round((1 + value) * (1 << 30)) for value in cosines.tolist()]
    held = batch.column("held").to_pylist()
    nodes = [
        key[:1] + bytes([0 if stays else 1]) + rank.to_bytes(4, "big") + key[1:]
        for key, stays, rank in zip(batch.column("key").to_pylist(), held, ranks, strict=True)
    ]
    home = np.concatenate([[True], text[1:] != text[:-1]]) if len(text) else np.empty(0, np.bool_)
    rows = pa.array(text)
    columns = [pa.array(cluster.astype(np.int32)), pa.array(home), pa.array(nodes, pa.binary()).take(rows)]
    columns += [batch.column(name).take(rows) for name in ("document", "object", "vector")]
    return pa.RecordBatch.from_arrays(columns, ["cluster", "home", "node", "document", "object", "vector"])
