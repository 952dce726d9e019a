"""Pairs that are alike indeed: by the exact Jaccard similarity of their texts, of which only those of candidates are read.

The first text of a pair travels to where the second one is read. Of a text of an earlier run there is the signature alone: what it shares
with the second one's is the similarity then, with a standard error of sqrt(s * (1 - s) / values of a signature).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from classifiers.jaccard import jaccard
from classifiers.minhash import MinhashSettings, jaccard_estimate, signatures
from classifiers.slots import differing
from rephrase.spark.stages.dedup.searched import Searched
from rephrase.spark.stages.dedup.texts import Places, Reader, object_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_PAIRS = 64  # texts of pairs that are held at a time
_SENT_DDL = "first binary, second binary, second_place long, object int, text string, signature binary"
_VERIFIED_DDL = "first binary, second binary, object int, similarity double"


@dataclass(frozen=True, slots=True)
class Verifying:
    """When two texts are duplicates."""

    minhash: MinhashSettings
    min_similarity: float
    slots: float | None
    """The share of numbers and names that may differ; None: any."""


def verified(job: Job, pairs: DataFrame, searched: Sequence[Searched], verifying: Verifying) -> DataFrame:
    """(first, second, object of the second, similarity) of the pairs that are duplicates."""
    from pyspark.sql import functions as sql

    objects = list(searched)

    def sent(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _sent(batches, objects)

    def compared(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _compared(batches, objects, verifying)

    placed = pairs.withColumn("object", sql.shiftright("first_place", 32).cast("int"))
    firsts = placed.repartition("object").sortWithinPartitions("object", "first_place", "second")
    seconds = firsts.mapInArrow(job.reporting(sent), _SENT_DDL).repartition("object")
    return seconds.sortWithinPartitions("object", "second_place", "first").mapInArrow(job.reporting(compared), _VERIFIED_DDL)


def _sent(batches: Iterator[pa.RecordBatch], searched: Sequence[Searched]) -> Iterator[pa.RecordBatch]:
    """The text of each pair's first, or its signature where that is all there is."""
    texts = Reader([here.path for here in searched], "text")
    kept = Reader([here.signatures for here in searched], "signature")
    for batch in (whole.slice(at, _PAIRS) for whole in batches for at in range(0, whole.num_rows, _PAIRS)):
        places = batch.column("first_place").to_numpy()
        distinct, back = np.unique(places, return_inverse=True)
        has_text = np.array([bool(searched[number].path) for number in object_of(distinct).tolist()], np.bool_)
        found: dict[str, list[str | bytes | None]] = {}
        for name, reader, there in (("text", texts, has_text), ("signature", kept, ~has_text)):
            values: list[str | bytes | None] = [None] * len(distinct)
            for at, value in zip(np.flatnonzero(there).tolist(), reader.read(distinct[there]), strict=True):
                values[at] = value
            found[name] = values
        seconds = batch.column("second_place").to_numpy()
        columns = [batch.column("first"), batch.column("second"), batch.column("second_place")]
        columns += [pa.array(object_of(seconds).astype(np.int32))]
        take = pa.array(back)
        columns += [pa.array(found["text"], pa.string()).take(take), pa.array(found["signature"], pa.binary()).take(take)]
        yield pa.RecordBatch.from_arrays(columns, ["first", "second", "second_place", "object", "text", "signature"])


def _compared(batches: Iterator[pa.RecordBatch], searched: Sequence[Searched], verifying: Verifying) -> Iterator[pa.RecordBatch]:
    reader = Reader([here.path for here in searched], "text")
    for batch in (whole.slice(at, _PAIRS) for whole in batches for at in range(0, whole.num_rows, _PAIRS)):
        seconds: Places = batch.column("second_place").to_numpy()
        distinct, back = np.unique(seconds, return_inverse=True)
        read = reader.read(distinct)
        texts = [read[number] or "" for number in back.tolist()]
        similarity = _similarity(batch, texts, verifying.minhash)
        alike = np.flatnonzero(similarity >= verifying.min_similarity).tolist()
        if verifying.slots is not None:
            firsts = batch.column("text").to_pylist()
            alike = [number for number in alike if firsts[number] is None or differing(firsts[number], texts[number]) <= verifying.slots]
        if alike:
            columns = [batch.column(name).take(pa.array(alike)) for name in ("first", "second", "object")]
            names = ["first", "second", "object", "similarity"]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(similarity[alike])], names)


def _similarity(batch: pa.RecordBatch, texts: Sequence[str], minhash: MinhashSettings) -> npt.NDArray[np.float64]:
    firsts, signed = batch.column("text").to_pylist(), batch.column("signature").to_pylist()
    similarity = np.zeros(len(texts))
    read = [at for at, signature in enumerate(signed) if signature is None]
    if read:
        similarity[read] = jaccard([firsts[at] or "" for at in read], [texts[at] for at in read], minhash.ngram)
    stored = [at for at, signature in enumerate(signed) if signature is not None]
    if stored:
        theirs = np.frombuffer(b"".join(signed[at] for at in stored), np.uint32).reshape(len(stored), minhash.places)
        similarity[stored] = jaccard_estimate(theirs, signatures([texts[at] for at in stored], minhash))
    return similarity
