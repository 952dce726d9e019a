"""Pairs of texts that may be alike: equal ones by their hash, others by the bands of their signatures and an estimate.

A band's texts pass by in the order of who stays. No more than a few of them are held, whatever their number, so that a million texts of one
band cost a task a stream of rows and no list of pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from classifiers.minhash import NO_KEY, MinhashSettings, band_keys

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_SKETCH = 64  # places of a signature at most, one byte each: two that differ agree by chance in one of 256
_SLACK = 0.15  # below the threshold, a pair is still read and verified: three standard errors of a sketch
_ALL = 32  # texts of one band that are all compared with each other
_HEADS = 96  # texts of one band that are held; beyond the first ones only those that are like none before them
_COMPARED = 8  # pairs of a text in one band, the nearest by the estimate
_BANDS_DDL = "key long, node binary, document binary, place long, sketch binary"
_PAIRS_DDL = "first binary, first_place long, second binary, second_place long"
_EQUAL_DDL = "node binary, place long, document binary, equal binary"


def equal_texts(job: Job, texts: DataFrame, settled: int) -> DataFrame:
    """(node, place, document, equal): each text that is equal to another of its standing, with the node of the first of these.

    Texts of a standing below `settled` are left out.
    """
    from pyspark.sql import functions as sql

    moving = texts.where(sql.substring("node", 1, 1) >= sql.lit(bytes([settled])))
    rows = moving.select("text_hash", "node", "place", "document").repartition("text_hash").sortWithinPartitions("text_hash", "node")
    return rows.mapInArrow(job.reporting(_equal), _EQUAL_DDL)


def pairs_of(job: Job, texts: DataFrame, minhash: MinhashSettings, min_similarity: float, settled: int) -> DataFrame:
    """(first, first_place, second, second_place), the first before the second: texts that share a band and may be alike.

    Where there are more than can be compared with each other, a row without `first` names a text that was not compared with all.
    Texts of a standing below `settled` are not compared with each other, nor a generation with its own document.
    """

    def banded(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return itertools.chain.from_iterable(_bands(batch, minhash) for batch in batches)

    def paired(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _pairs(batches, min_similarity - _SLACK, settled)

    bands = texts.select("node", "document", "place", "signature").mapInArrow(job.reporting(banded), _BANDS_DDL)
    return bands.repartition("key").sortWithinPartitions("key", "node").mapInArrow(job.reporting(paired), _PAIRS_DDL).distinct()


def _equal(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows come sorted by hash and node."""
    key, head = b"", b""
    for batch in batches:
        hashes, nodes = batch.column("text_hash").to_pylist(), batch.column("node").to_pylist()
        again, heads = [], []
        for at, (text_hash, node) in enumerate(zip(hashes, nodes, strict=True)):
            if text_hash == key and node[0] == head[0] and node != head:
                again.append(at)
                heads.append(head)
            else:
                key, head = text_hash, node
        if again:
            rows = batch.take(pa.array(again))
            columns = [rows.column(name) for name in ("node", "place", "document")]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(heads, pa.binary())], ["node", "place", "document", "equal"])


def _bands(batch: pa.RecordBatch, minhash: MinhashSettings) -> Iterator[pa.RecordBatch]:
    """A row for each text and band."""
    if not batch.num_rows:
        return
    signed = np.frombuffer(b"".join(batch.column("signature").to_pylist()), np.uint32).reshape(batch.num_rows, minhash.places)
    keys = band_keys(signed, minhash)
    keep = keys.reshape(-1) != NO_KEY
    rows = pa.array(np.repeat(np.arange(batch.num_rows), keys.shape[1])[keep])
    sketches = [sketch.tobytes() for sketch in signed[:, :_SKETCH].astype(np.uint8)]
    columns = [pa.array(keys.reshape(-1)[keep].view(np.int64))]
    columns += [batch.column(name).take(rows) for name in ("node", "document", "place")]
    columns += [pa.array(sketches, pa.binary()).take(rows)]
    yield pa.RecordBatch.from_arrays(columns, ["key", "node", "document", "place", "sketch"])


def _pairs(batches: Iterator[pa.RecordBatch], floor: float, settled: int) -> Iterator[pa.RecordBatch]:
    """Rows come sorted by key and node."""
    key: int | None = None
    band = _Band(floor, settled)
    for batch in batches:
        keys = batch.column("key").to_numpy()
        edges = np.flatnonzero(np.diff(keys)) + 1
        pairs: list[tuple[bytes | None, int | None, bytes, int]] = []
        for start, end in itertools.pairwise([0, *edges.tolist(), len(keys)]):
            if keys[start] != key:
                key, band = int(keys[start]), _Band(floor, settled)
                if end - start == 1 and end < len(keys):
                    continue  # alone with its key, as most are
            for row in batch.slice(start, end - start).to_pylist():
                pairs += band.compare(row["node"], row["document"], row["place"], np.frombuffer(row["sketch"], np.uint8))
        if pairs:
            names = ["first", "first_place", "second", "second_place"]
            types = [pa.binary(), pa.int64(), pa.binary(), pa.int64()]
            yield pa.RecordBatch.from_arrays([pa.array(list(c), t) for c, t in zip(zip(*pairs, strict=True), types, strict=True)], names)


class _Band:
    """The texts of one band that later ones are compared with."""

    def __init__(self, floor: float, settled: int) -> None:
        self._floor, self._settled = floor, settled
        self._nodes: list[bytes] = []
        self._places: list[int] = []
        self._sketches = np.empty((_HEADS, 0), np.uint8)

    def compare(
        self, node: bytes, document: bytes, place: int, sketch: npt.NDArray[np.uint8]
    ) -> Iterator[tuple[bytes | None, int | None, bytes, int]]:
        """The pairs of the next text, which is held if there is room."""
        count = len(self._nodes)
        if not count:
            self._sketches = np.empty((_HEADS, len(sketch)), np.uint8)
        firsts: list[int] = []
        if count and node[0] >= self._settled:
            agreed = np.count_nonzero(self._sketches[:count] == sketch, axis=1)
            nearest = np.argsort(-agreed, kind="stable")
            alike = nearest[agreed[nearest] >= self._floor * len(sketch)].tolist()
            firsts = [at for at in alike if self._nodes[at] != node and self._nodes[at][2:] != document]
        yield from ((self._nodes[at], self._places[at], node, place) for at in firsts[:_COMPARED])
        held = count < _ALL or (count < _HEADS and not firsts)
        if held:
            self._sketches[count] = sketch
            self._nodes.append(node)
            self._places.append(place)
        if node[0] >= self._settled and (not held or len(firsts) > _COMPARED):
            yield None, None, node, place
