"""Pairing of rewrites with their originals: joins by document id, which leave the driver's memory flat.

Under `both` originals are drawn first, those that have rewrites before others, and then rewrites of those that were drawn. Under
`instead` rewrites are drawn first, and then originals of which none was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rephrase.mixing import selection
from rephrase.mixing.plan import TOKENS
from rephrase.mixing.targets import capacities_of, largest, pool_shares
from rephrase.spark.stages.mix.candidates import OUT, PREFERRED, pool_numbers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.mixing.plan import Draw, Material
    from rephrase.mixing.pools import Pool
    from rephrase.mixing.settings import Mix
    from rephrase.spark.stages.mix.candidates import Actions, Batch, Candidates

_LEVELS = 1024  # steps of budget that are looked at
_TEXTS_DDL = "pack int, id string, document_id string, original boolean, pool int, tokens long, number long"


def preferred(mix: Mix, inputs: Candidates, job: Actions) -> DataFrame | None:
    """Marks of the originals that have rewrites; under `both` alone."""
    if mix.pairing != "both":
        return None
    texts = _texts(mix, inputs, job, None, None, None)
    return _marked(_originals(texts).join(_documents_of(texts), "document_id", "left_semi"), PREFERRED)


def left_out_by(
    mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None, pools: Sequence[Pool], ends: Sequence[Draw]
) -> DataFrame:
    """The same marks, and those of the texts that do not fit to what the draws take of the other origin."""

    def is_taken(pool: Any, keys: Any) -> Any:
        taken = np.zeros(len(keys), np.int64)
        for number, draw in enumerate(ends):
            mine = pool == number
            taken[mine] = draw.copies(keys[mine]) > 0
        return taken

    texts = _texts(mix, inputs, job, marks, pools, is_taken)
    taken = texts.where("number > 0")
    if mix.pairing == "both":
        out = _rewrites(texts).join(_originals(taken).select("document_id").distinct(), "document_id", "left_anti")
    else:
        out = _originals(texts).join(_documents_of(taken), "document_id", "left_semi")
    return _marked(out, OUT) if marks is None else marks.unionAll(_marked(out, OUT))


def largest_paired(
    mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None, material: Material, budget: int | None = None
) -> int:
    """The most tokens, up to the budget, of a mixture of one phase for which pairing leaves texts enough; 0 where it never does.

    Every text that is drawn first has a level: the least of _LEVELS equal steps of the budget at which it is (`both`), or may be
    (`instead`) drawn. A text of the other origin is free up to, or from, the level of those that it goes with, so sums by level tell at
    which budgets enough is free.
    """
    shares = pool_shares(mix, material.pools, material.available)[0]
    capacities = capacities_of(mix, material.pools, material.available)
    top = min(largest(shares, capacities), budget or math.inf)
    is_original = [mix.selections[pool.component].is_original is True for pool in material.pools]
    both = mix.pairing == "both"
    levels = np.full((len(material.pools), selection.BUCKETS), _LEVELS + 1, np.int64)
    for number, share in enumerate(shares):
        if share and is_original[number] == both:
            sums = np.cumsum(material.sums[number, TOKENS])
            edges = sums if both else sums - material.sums[number, TOKENS]
            steps = edges / float(share) / top * _LEVELS
            levels[number] = np.clip(np.ceil(steps) if both else np.floor(steps), 0, _LEVELS + 1)
    texts = _texts(mix, inputs, job, marks, material.pools, lambda pool, keys: levels[pool, selection.buckets_of(keys)])
    leaders, followers = (_originals(texts), _rewrites(texts)) if both else (_rewrites(texts), _originals(texts))
    first = leaders.groupBy("document_id").min("number").withColumnRenamed("min(number)", "level")
    joined = followers.join(first, "document_id", "left").fillna({"level": _LEVELS + 1})
    summed = job.run(joined.groupBy("pool", "level").sum("tokens").toArrow).to_pylist()
    free = np.zeros((len(mix.selections), _LEVELS + 2))
    followed = np.zeros(len(mix.selections))  # the shares of those that go with others
    for row in summed:
        free[material.pools[row["pool"]].component, row["level"]] += row["sum(tokens)"]
    for number, share in enumerate(shares):
        if is_original[number] != both:
            followed[material.pools[number].component] += float(share)
    free = np.cumsum(free, axis=1) if both else free.sum(axis=1, keepdims=True) - np.cumsum(free, axis=1)
    epochs = np.array([[component.max_epochs] for component in mix.selections])
    needed = followed[:, None] * np.arange(_LEVELS + 2) * (float(top) / _LEVELS)
    enough = (free * epochs >= needed).all(axis=0)[: _LEVELS + 1]
    return int(np.flatnonzero(enough).max(initial=0) * top // _LEVELS)


def _texts(mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None, pools: Sequence[Pool] | None, number: Any) -> DataFrame:
    """The texts that components take, each with `number` of its pool and key; without pools with 0."""
    components = mix.selections

    def body(batch: Batch) -> Iterator[pa.RecordBatch]:
        here = np.flatnonzero(batch.component >= 0)
        component, rows = batch.component[here], batch.table.take(pa.array(here))
        pool = pool_numbers(rows, component, pools, components) if pools else component
        columns = [
            pa.array([batch.pack] * len(here), pa.int32()),
            rows.column("id").combine_chunks(),
            rows.column("document_id").combine_chunks(),
            pa.array([components[index].is_original is True for index in component], pa.bool_()),
            pa.array(pool, pa.int32()),
            rows.column("n_tokens").combine_chunks(),
            pa.array(np.zeros(len(here), np.int64) if pools is None else number(pool, batch.keys[here]), pa.int64()),
        ]
        yield pa.RecordBatch.from_arrays(columns, ["pack", "id", "document_id", "original", "pool", "tokens", "number"])

    return inputs.mapped(job, mix, marks, body, _TEXTS_DDL)


def _originals(texts: DataFrame) -> DataFrame:
    return texts.where("original")


def _rewrites(texts: DataFrame) -> DataFrame:
    return texts.where("not original")


def _documents_of(texts: DataFrame) -> DataFrame:
    return _rewrites(texts).select("document_id").distinct()


def _marked(texts: DataFrame, mark: int) -> DataFrame:
    return texts.selectExpr("pack", "id", f"{mark} as mark")
