"""Who stays: the texts are taken in their order, and one goes where a similar one before it stays.

That is the maximal independent set which the order gives, whatever machine decides what. Where there are many pairs it is found in rounds
(Blelloch, Fineman, Shun 2012, arXiv 1202.3205): texts without an undecided one before them stay, and what is similar to these goes. The
few pairs that are left are decided by one task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from classifiers.words import Integers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.spark.runtime.job import Job

_ROUNDS = 40  # a chain of pairs takes about the logarithm of its length, as ids are as good as random; what is left then stays
_ONE_TASK = 1_000_000  # pairs that one task decides: 100 MB of it
_WIDTH = 18  # bytes of a node
STARS_DDL = "node binary, kept binary, object int, similarity double"


def stars(job: Job, pairs: DataFrame, keep: Callable[[DataFrame], DataFrame]) -> list[DataFrame]:
    """(node, kept, object, similarity) of the texts that go, in several frames: what each is similar to, the first of what stays.

    `pairs` is what `verified` gives; `keep` persists a frame.
    """
    gone = []
    left = keep(pairs)
    for _ in range(_ROUNDS):
        count = job.run(left.count)
        if count <= _ONE_TASK:
            if count:
                gone.append(left.repartition(1).sortWithinPartitions("second", "first").mapInArrow(job.reporting(_decided), STARS_DDL))
            break
        now, left = _round(left, keep)
        gone.append(now)
    return gone


def _round(pairs: DataFrame, keep: Callable[[DataFrame], DataFrame]) -> tuple[DataFrame, DataFrame]:
    """What goes for texts that have no pair with one before them, and the pairs that are still undecided."""
    from pyspark.sql import functions as sql

    heads = pairs.select("first").distinct().join(pairs.select(sql.col("second").alias("first")).distinct(), "first", "left_anti")
    best = sql.min(sql.struct("first", "object", "similarity")).alias("best")
    going = pairs.join(heads, "first", "left_semi").groupBy(sql.col("second").alias("node")).agg(best)
    now = keep(going.select("node", sql.col("best.first").alias("kept"), "best.object", "best.similarity"))
    out = now.select(sql.col("node").alias("second"))
    left = pairs.join(out, "second", "left_anti").join(out.select(sql.col("second").alias("first")), "first", "left_anti")
    return now, keep(left.select("first", "second", "object", "similarity"))


def first_stays(firsts: Integers, seconds: Integers, count: int) -> Integers:
    """For each pair whether it is the one for which its second goes. Pairs come sorted by second, then first; numbers are the order."""
    goes = np.zeros(count, np.bool_)
    chosen = []
    for at, (first, second) in enumerate(zip(firsts.tolist(), seconds.tolist(), strict=True)):
        if not goes[second] and not goes[first]:
            goes[second] = True
            chosen.append(at)
    return np.array(chosen, np.int64)


def _decided(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    parts = list(batches)
    if not parts:
        return
    pairs = pa.Table.from_batches(parts).combine_chunks()
    both: npt.NDArray[Any] = np.concatenate([np.array(pairs.column(name).to_pylist(), f"S{_WIDTH}") for name in ("first", "second")])
    names, codes = np.unique(both, return_inverse=True)
    firsts, seconds = codes.reshape(2, -1)
    chosen = first_stays(firsts, seconds, len(names))
    for at in range(0, len(chosen), 4096):
        rows = pairs.take(pa.array(chosen[at : at + 4096])).combine_chunks()
        columns = [rows.column(name).combine_chunks() for name in ("second", "first", "object", "similarity")]
        yield pa.RecordBatch.from_arrays(columns, ["node", "kept", "object", "similarity"])
