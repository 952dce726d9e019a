"""Texts made of n-grams that stand in texts before them, by a Bloom filter that is cut into shards by the n-grams' hashes.

Texts stand in the order of objects and rows. Each task has one shard, and is given its n-grams in that order: so the filter answers as one
that had read the whole corpus text by text, on any number of machines. No text and no pair is exchanged, and nothing is sorted by n-gram.
What the order says is exact, and what was seen is always known; false positives alone are the filter's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from classifiers.bloom import BloomFilter, bits_for, error_of, probes_for
from classifiers.minhash import shingles_of
from classifiers.words import Hashes, Integers, words_of
from rephrase import storage
from rephrase.config.duplicates import Bloom
from rephrase.spark.stages.dedup.searched import Searched
from rephrase.spark.stages.dedup.signing import ROW, texts_in
from rephrase.spark.stages.dedup.writing import write_duplicates
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.spark.runtime.job import Job

_SHARD = 64 << 23  # bits of a shard at most: 64 MB
_SHARDS = 8  # at least, for as many tasks
_NGRAMS = 1 << 22  # of one object that are looked up together
_ASKED_DDL = "shard int, object int, part int, rows binary, hashes binary"
_SEEN_DDL = "object int, part int, rows binary, seen binary, ngrams binary, fresh long"
_WRITTEN_DDL = "duplicates long, fresh long"


@dataclass(frozen=True, slots=True)
class Shards:
    """The shards of a filter."""

    count: int
    bits: int
    """Of each."""
    probes: int

    @classmethod
    def of(cls, bloom: Bloom) -> Shards:
        """Those that hold what a config expects: on any machines the same."""
        bits = bits_for(bloom.expected, bloom.false_positives)
        count = max(_SHARDS, math.ceil(bits / _SHARD))
        return cls(count, math.ceil(bits / count), probes_for(bloom.false_positives))

    def error(self, added: int) -> float:
        """The rate of false positives after so many different n-grams."""
        return error_of(added, self.count * self.bits, self.probes)


def write_seen(job: Job, searched: Sequence[Searched], bloom: Bloom, outputs: Sequence[str]) -> tuple[int, int]:
    """Write the texts that go, in an object for each that is searched. Returns how many there are, and the n-grams in the filter."""
    objects, shards, paths = list(searched), Shards.of(bloom), list(outputs)

    def asked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from _asked(objects[number], number, bloom.ngram, shards.count)

    def answered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _answered(batches, shards)

    def written(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _written(batches, objects, paths, bloom.max_seen)

    ngrams = job.spark.range(0, len(objects), 1, len(objects)).mapInArrow(job.reporting(asked), _ASKED_DDL)
    by_shard = ngrams.repartitionById(shards.count, "shard").sortWithinPartitions("object", "part")
    by_object = by_shard.mapInArrow(job.reporting(answered), _SEEN_DDL).repartition("object").sortWithinPartitions("object", "part")
    sums = by_object.mapInArrow(job.reporting(written), _WRITTEN_DDL).groupBy().sum("duplicates", "fresh")
    row = job.run(sums.toArrow, about="n-grams that were seen").to_pylist()[0]
    return row["sum(duplicates)"] or 0, row["sum(fresh)"] or 0


def _asked(here: Searched, number: int, size: int, shards: int) -> Iterator[pa.RecordBatch]:
    """The different n-grams of each text of an object, by shard, some millions at a time."""
    gone = set(tables.read(here.gone, ["id"]).column("id").to_pylist()) if here.gone and storage.exists(here.gone) else set()
    waiting: list[tuple[Integers, Hashes]] = []
    part = 0
    for texts in itertools.chain.from_iterable(texts_in(here)):
        waiting.append(_ngrams([row for row in texts if row["id"] not in gone], size))
        if sum(len(rows) for rows, _ in waiting) >= _NGRAMS:
            yield from _by_shard(waiting, number, part, shards)
            waiting, part = [], part + 1
    yield from _by_shard(waiting, number, part, shards)


def _ngrams(texts: Sequence[dict[str, Any]], size: int) -> tuple[Integers, Hashes]:
    """The rows and the different n-grams of texts, sorted by both."""
    hashes, numbers = shingles_of(words_of([row["text"] or "" for row in texts]), size)
    rows = np.array([row[ROW] for row in texts], np.int64)[numbers.astype(np.int64)]
    order = np.lexsort((hashes, rows))
    rows, hashes = rows[order], hashes[order]
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (rows[1:] != rows[:-1]) | (hashes[1:] != hashes[:-1])
    return rows[fresh], hashes[fresh]


def _by_shard(waiting: Sequence[tuple[Integers, Hashes]], number: int, part: int, shards: int) -> Iterator[pa.RecordBatch]:
    if not waiting:
        return
    rows, hashes = (np.concatenate(columns) for columns in zip(*waiting, strict=True))
    shard = (hashes % np.uint64(shards)).astype(np.int32)
    order = np.argsort(shard, kind="stable")
    rows, hashes, shard = rows[order], hashes[order], shard[order]
    edges = [0, *(np.flatnonzero(np.diff(shard)) + 1).tolist(), len(shard)]
    for start, end in itertools.pairwise(edges):
        if start < end:
            columns = {"shard": int(shard[start]), "object": number, "part": part}
            columns |= {"rows": rows[start:end].astype(np.int32).tobytes(), "hashes": hashes[start:end].tobytes()}
            yield _row(columns)


def _answered(batches: Iterator[pa.RecordBatch], shards: Shards) -> Iterator[pa.RecordBatch]:
    """What was seen before, of the n-grams of one shard that come in order."""
    filled = BloomFilter(shards.bits, shards.probes)
    for row in (row for batch in batches for row in batch.to_pylist()):
        hashes = np.frombuffer(row["hashes"], np.uint64)
        seen = filled.has(hashes) | _again(hashes)
        filled.add(hashes[~seen])
        rows, at = np.unique(np.frombuffer(row["rows"], np.int32), return_inverse=True)
        counts = [np.bincount(at[chosen], minlength=len(rows)).astype(np.int32).tobytes() for chosen in (seen, slice(None))]
        columns = {"object": row["object"], "part": row["part"], "rows": rows.tobytes(), "seen": counts[0], "ngrams": counts[1]}
        yield _row({**columns, "fresh": int(np.count_nonzero(~seen))})


def _again(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Of hashes in order, whether each stands before in the same array."""
    again = np.ones(len(hashes), np.bool_)
    again[np.unique(hashes, return_index=True)[1]] = False
    return again


def _written(
    batches: Iterator[pa.RecordBatch], searched: Sequence[Searched], paths: Sequence[str], most: float
) -> Iterator[pa.RecordBatch]:
    """Write the texts that go, object by object: rows come sorted by object."""
    rows = (row for batch in batches for row in batch.to_pylist())
    for number, group in itertools.groupby(rows, key=lambda row: int(row["object"])):
        here = searched[number]
        seen, ngrams = np.zeros((2, sum(tables.row_groups(here.path))), np.int64)
        fresh = 0
        for row in group:
            at = np.frombuffer(row["rows"], np.int32)
            seen[at] += np.frombuffer(row["seen"], np.int32)
            ngrams[at] += np.frombuffer(row["ngrams"], np.int32)
            fresh += row["fresh"]
        going = np.flatnonzero((seen >= most * ngrams) & (ngrams > 0)) if not here.settled else np.empty(0, np.int64)
        if len(going):
            ids = tables.read(here.path, ["id"]).column("id").take(pa.array(going)).to_pylist()
            shares = (seen[going] / ngrams[going]).tolist()
            gone = [{"id": id_, "kept_id": None, "similarity": share, "method": "bloom"} for id_, share in zip(ids, shares, strict=True)]
            write_duplicates(paths[number], gone)
        yield pa.RecordBatch.from_pydict({"duplicates": [len(going)], "fresh": [fresh]})


def _row(values: Mapping[str, int | bytes]) -> pa.RecordBatch:
    kinds = {name: pa.binary() if isinstance(value, bytes) else pa.int32() for name, value in values.items()}
    kinds |= {"fresh": pa.int64()} if "fresh" in values else {}
    return pa.RecordBatch.from_arrays([pa.array([value], kinds[name]) for name, value in values.items()], list(values))
