"""The search as a whole: equal texts, then a few rounds of pairs that are verified and decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from rephrase.spark.stages.dedup.candidates import equal_texts, pairs_of
from rephrase.spark.stages.dedup.searched import EARLIER, Searched
from rephrase.spark.stages.dedup.stars import STARS_DDL, stars
from rephrase.spark.stages.dedup.texts import TEXTS_DDL, texts_of
from rephrase.spark.stages.dedup.verified import Verifying, verified

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_ROUNDS = 4  # of bands with more texts than can all be compared: what stayed is compared again, among itself


def duplicates_in(job: Job, searched: Sequence[Searched], verifying: Verifying, keep: Callable[[DataFrame], DataFrame]) -> DataFrame:
    """(object, node, id, kept_id, similarity) of the texts that go. `keep` persists a frame until the duplicates are written."""
    objects = list(searched)
    settled = 1 + max((here.standing for here in objects if here.settled), default=EARLIER - 1)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from texts_of(objects, number)

    texts = job.spark.range(0, len(objects), 1, len(objects)).mapInArrow(job.reporting(read), TEXTS_DDL)
    equal = keep(equal_texts(job, texts, settled))
    left = texts.join(equal.select("place"), "place", "left_anti") if job.run(equal.count, about="equal texts") else texts
    gone = []
    for _ in range(_ROUNDS):
        found = keep(pairs_of(job, left, verifying.minhash, verifying.min_similarity, settled))
        pairs = verified(job, found.where("first is not null"), objects, verifying)
        going = [keep(frame) for frame in stars(job, pairs, keep)]
        gone += going
        hidden = found.where("first is null").selectExpr("second as node").distinct()
        for frame in going:  # what others go for stays, whatever it is like
            hidden = hidden.join(frame.select("node"), "node", "left_anti").join(frame.selectExpr("kept as node"), "node", "left_anti")
        if job.run(keep(hidden).count, about="texts not compared with all") < 2:
            break
        left = left.join(hidden, "node", "left_semi")
    return _named(equal, reduce(lambda one, other: one.unionAll(other), gone, job.spark.createDataFrame([], STARS_DDL)))


def _named(equal: DataFrame, gone: DataFrame) -> DataFrame:
    """What goes, and with each text those that are equal to it; where it stays, they go for it.

    A generation that is equal to another one, which goes for the document of the first, stays.
    """
    from pyspark.sql import functions as sql

    followed = equal.join(gone.selectExpr("node as equal", "kept", "similarity"), "equal", "left")
    follows = followed.selectExpr(
        "cast(shiftright(place, 32) as int) as object",
        "node",
        "coalesce(kept, equal) as kept",
        "coalesce(similarity, 1.0D) as similarity",
        "document",
    ).where("substring(kept, 3) != document")
    both = gone.select("object", "node", "kept", "similarity").unionAll(follows.drop("document"))
    names = {"id": "node", "kept_id": "kept"}
    named = both.select(
        "object", "node", *(sql.lower(sql.hex(sql.substring(node, 3, 16))).alias(name) for name, node in names.items()), "similarity"
    )
    return named.dropDuplicates(["object", "node"])
