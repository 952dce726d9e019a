"""The search by meaning: of what MinHash leaves, the texts whose cosine with one that stays is high enough.

The texts of a cluster are compared in units of two parts of it, each of about 16 MB of vectors and 16,384 texts at the most: a task holds
the two parts of one unit and the products of one with 256 texts of the other, however large the cluster is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.cosine_pairs import Side, pairs_above
from classifiers.words import Integers
from rephrase.config.duplicates import Semantic
from rephrase.spark.stages.dedup.clustered import VECTORS_DDL, vectors_in, visits
from rephrase.spark.stages.dedup.embedding import Embedded, vectors_of
from rephrase.spark.stages.dedup.stars import stars

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_PART = 16 << 20  # bytes of the vectors of a part of a cluster
_PART_TEXTS = 1 << 14
_PAIRS = 8  # pairs of a text in one unit, with those that stand first
_ROUNDS = 4  # what has more is compared again with what stayed
_ID = 6  # bytes of a node before its id
_UNITS_DDL = "unit long, part int, home boolean, node binary, document binary, object int, vector binary"
_PAIRS_DDL = "first binary, second binary, object int, similarity double"


@dataclass(frozen=True, slots=True)
class Meant:
    """What a search by meaning compares."""

    embedded: Sequence[Embedded]
    semantic: Semantic
    centroids: str
    """Where the centres of the clusters are."""


def alike_in_meaning(
    job: Job, meant: Meant, settled: int, out: DataFrame, held: DataFrame, keep: Callable[[DataFrame], DataFrame]
) -> list[DataFrame]:
    """(key, kept, object, similarity) of the texts that go, in several frames; keys are a standing and an id.

    out, held: the keys of what is not searched, and of what stays as others went for it. Texts of a standing below `settled` stay.
    """
    from pyspark.sql import functions as sql

    objects, semantic = list(meant.embedded), meant.semantic

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from vectors_in(objects, number)

    texts = job.spark.range(0, len(objects), 1, len(objects)).mapInArrow(job.reporting(read), VECTORS_DDL)
    gone = []
    for _ in range(_ROUNDS):
        left = texts.join(out.distinct(), "key", "left_anti").join(held.distinct().withColumn("held", sql.lit(True)), "key", "left")
        compared = keep(visits(job, left, meant.centroids, semantic))
        found = keep(_pairs_of(job, compared, _parts_of(job, compared), semantic.threshold, settled))
        going = [keep(_keyed(frame)) for frame in stars(job, found.where("first is not null"), keep)]
        gone += going
        hidden = found.where("first is null").selectExpr(f"{_key('second')} as key").distinct()
        for frame in going:
            out = out.unionAll(frame.select("key"))
            held = held.unionAll(frame.selectExpr("kept as key"))
            hidden = hidden.join(frame.select("key"), "key", "left_anti")
        if not job.run(hidden.join(held, "key", "left_anti").count, about="texts not compared with all"):
            break
    return gone


def _key(node: str) -> str:
    return f"concat(substring({node}, 1, 1), substring({node}, {_ID + 1}))"


def _keyed(frame: DataFrame) -> DataFrame:
    return frame.selectExpr(f"{_key('node')} as key", f"{_key('kept')} as kept", "object", "similarity")


def _parts_of(job: Job, compared: DataFrame) -> dict[int, int]:
    """Into how many parts each cluster is cut that is too large for one."""
    of_part = f"greatest(length(vector) * 2 / {_PART}, 1 / {_PART_TEXTS})"
    sizes = compared.selectExpr("cluster", f"{of_part} as parts").groupBy("cluster").sum("parts").where("`sum(parts)` > 1")
    return {row["cluster"]: math.ceil(row["sum(parts)"]) for row in job.run(sizes.collect, about="sizes of clusters")}


def _pairs_of(job: Job, compared: DataFrame, parts: Mapping[int, int], threshold: float, settled: int) -> DataFrame:
    """(first, second, object of the second, similarity); a row without `first` names a text that was not compared with all."""

    def cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return itertools.chain.from_iterable(_units(batch, parts) for batch in batches if batch.num_rows)

    def paired(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _paired(batches, threshold, settled)

    units = compared.mapInArrow(job.reporting(cut), _UNITS_DDL).repartition("unit").sortWithinPartitions("unit", "node")
    return units.mapInArrow(job.reporting(paired), _PAIRS_DDL)


def _units(batch: pa.RecordBatch, parts: Mapping[int, int]) -> Iterator[pa.RecordBatch]:
    """Each text once for each unit in which its part is compared with another, or with itself."""
    clusters = batch.column("cluster").to_numpy().astype(np.int64)
    counts = np.array([parts.get(cluster, 1) for cluster in clusters.tolist()], np.int64)
    ids = batch.column("node").to_pylist()
    own = np.array([int.from_bytes(node[_ID:][:7], "big") for node in ids], np.int64) % counts
    for other in range(int(counts.max())):
        rows = np.flatnonzero(other < counts)
        lesser, greater = np.minimum(own[rows], other), np.maximum(own[rows], other)
        unit = (clusters[rows] << 32) + (lesser << 16) + greater
        take = pa.array(rows)
        columns = [pa.array(unit), pa.array((own[rows] > lesser).astype(np.int32))]
        columns += [batch.column(name).take(take) for name in ("home", "node", "document", "object", "vector")]
        yield pa.RecordBatch.from_arrays(columns, ["unit", "part", "home", "node", "document", "object", "vector"])


def _paired(batches: Iterator[pa.RecordBatch], threshold: float, settled: int) -> Iterator[pa.RecordBatch]:
    """Rows come sorted by unit and node."""
    parts: list[pa.RecordBatch] = []
    for batch in batches:
        units = batch.column("unit").to_numpy()
        edges = np.flatnonzero(np.diff(units)) + 1
        for start, end in itertools.pairwise([0, *edges.tolist(), len(units)]):
            if parts and start < end and parts[-1].column("unit")[0].as_py() != units[start]:
                yield from _pairs(parts, threshold, settled)
                parts = []
            if start < end:
                parts.append(batch.slice(start, end - start))
    if parts:
        yield from _pairs(parts, threshold, settled)


def _pairs(parts: Sequence[pa.RecordBatch], threshold: float, settled: int) -> Iterator[pa.RecordBatch]:
    """The pairs of one unit."""
    unit = pa.Table.from_batches(parts).combine_chunks()
    if unit.num_rows < 2:
        return
    nodes = unit.column("node").combine_chunks()
    names = [(node[0], node[_ID:]) for node in nodes.to_pylist()]
    can_go = np.array([standing >= settled for standing, _ in names], np.bool_)
    ids, documents = pa.array([name for _, name in names], pa.binary()), unit.column("document").combine_chunks()
    of_part = unit.column("part").to_numpy()
    sides = [np.flatnonzero(of_part == part) for part in (0, 1)]
    for firsts, seconds in ((0, 1), (1, 0)) if len(sides[1]) else ((0, 0),):
        going = sides[seconds][can_go[sides[seconds]]]
        for first, second, cosines, more in pairs_above(_side(unit, sides[firsts]), _side(unit, going), threshold, _PAIRS):
            one, other = pa.array(first), pa.array(second)
            own = pc.or_(pc.equal(ids.take(one), ids.take(other)), pc.equal(ids.take(one), documents.take(other)))
            columns = [nodes.take(pa.array(first, mask=more)), nodes.take(other), unit.column("object").combine_chunks().take(other)]
            columns += [pa.array(cosines.astype(np.float64))]
            rows = pa.RecordBatch.from_arrays(columns, ["first", "second", "object", "similarity"])
            yield rows.filter(pc.or_(pc.invert(own), pa.array(more)))


def _side(unit: pa.Table, rows: Integers) -> Side:
    taken = unit.take(pa.array(rows)).combine_chunks()
    return Side(vectors_of(taken.column("vector")), rows, np.asarray(taken.column("home").to_numpy(), np.bool_))
