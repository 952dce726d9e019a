"""The search as a whole: equal texts, then a few rounds of pairs that are verified and decided, then what says the same in other words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from rephrase.spark.stages.dedup.candidates import equal_texts, pairs_of
from rephrase.spark.stages.dedup.meaning_search import Meant, alike_in_meaning
from rephrase.spark.stages.dedup.searched import EARLIER, Searched
from rephrase.spark.stages.dedup.stars import stars
from rephrase.spark.stages.dedup.texts import TEXTS_DDL, texts_of
from rephrase.spark.stages.dedup.verified import Verifying, verified

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_ROUNDS = 4  # of bands with more texts than can all be compared: what stayed is compared again, among itself
_GONE_DDL = "key binary, kept binary, object int, similarity double, method string"


def duplicates_in(
    job: Job, searched: Sequence[Searched], verifying: Verifying, meant: Meant | None, keep: Callable[[DataFrame], DataFrame]
) -> DataFrame:
    """(object, id, kept_id, similarity, method) of the texts that go. `keep` persists a frame until the duplicates are written."""
    objects = list(searched)
    settled = 1 + max((here.standing for here in objects if here.settled), default=EARLIER - 1)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from texts_of(objects, number)

    texts = job.spark.range(0, len(objects), 1, len(objects)).mapInArrow(job.reporting(read), TEXTS_DDL)
    equal = keep(equal_texts(job, texts, settled))
    left = texts.join(equal.select("place"), "place", "left_anti") if job.run(equal.count, about="equal texts") else texts
    gone = job.spark.createDataFrame([], _GONE_DDL)
    for _ in range(_ROUNDS):
        found = keep(pairs_of(job, left, verifying.minhash, verifying.min_similarity, settled))
        pairs = verified(job, found.where("first is not null"), objects, verifying)
        going = [keep(frame) for frame in stars(job, pairs, keep)]
        keyed = (frame.selectExpr(f"{_key('node')} as key", f"{_key('kept')} as kept", "object", "similarity") for frame in going)
        gone = _with(gone, keyed, "minhash")
        hidden = found.where("first is null").selectExpr("second as node").distinct()
        for frame in going:  # what others go for stays, whatever it is like
            hidden = hidden.join(frame.select("node"), "node", "left_anti").join(frame.selectExpr("kept as node"), "node", "left_anti")
        if job.run(keep(hidden).count, about="texts not compared with all") < 2:
            break
        left = left.join(hidden, "node", "left_semi")
    if meant is not None:
        out = gone.select("key").unionAll(equal.selectExpr(f"{_key('node')} as key"))
        held = gone.selectExpr("kept as key")
        gone = _with(gone, alike_in_meaning(job, meant, settled, out, held, keep), "semantic")
    return _named(equal, gone)


def _key(node: str) -> str:
    """A text without what ranks it: its standing and its id."""
    return f"concat(substring({node}, 1, 1), substring({node}, 3))"


def _with(gone: DataFrame, frames: Iterable[DataFrame], method: str) -> DataFrame:
    from pyspark.sql import functions as sql

    return reduce(lambda one, other: one.unionAll(other.withColumn("method", sql.lit(method))), frames, gone)


def _named(equal: DataFrame, gone: DataFrame) -> DataFrame:
    """What goes, and with each text those that are equal to it; where it stays, they go for it.

    A generation that is equal to another one, which goes for the document of the first, stays.
    """
    from pyspark.sql import functions as sql

    keyed = equal.selectExpr("place", f"{_key('node')} as key", f"{_key('equal')} as equal", "document")
    followed = keyed.join(gone.selectExpr("key as equal", "kept", "similarity", "method"), "equal", "left")
    follows = followed.selectExpr(
        "key",
        "coalesce(kept, equal) as kept",
        "cast(shiftright(place, 32) as int) as object",
        "coalesce(similarity, 1.0D) as similarity",
        "coalesce(method, 'minhash') as method",
        "document",
    ).where("substring(kept, 2) != document")
    both = gone.unionAll(follows.drop("document"))
    names = {"id": "key", "kept_id": "kept"}
    hexed = (sql.lower(sql.hex(sql.substring(name, 2, 16))).alias(column) for column, name in names.items())
    return both.select("object", *hexed, "similarity", "method").dropDuplicates(["object", "id"])
