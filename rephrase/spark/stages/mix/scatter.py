"""The one shuffle that puts the mixture's rows in their order.

Tasks cut the mixture's order into stretches and hand the rows of each stretch on (see `Exchange`); the task that writes a file
takes its stretches from all objects, and sorts one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rephrase.labels import with_labels
from rephrase.mixing import selection
from rephrase.spark.stages.mix.candidates import Batch, pool_numbers
from rephrase.spark.stages.mix.exchange import ROWS, Exchange
from rephrase.spark.stages.mix.inputs import Inputs, Pack, keyed, over_packs, packs_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.mixing.plan import Plan
    from rephrase.mixing.settings import Mix
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.runtime.progress import StageProgress


def scatter(
    job: Job, inputs: Inputs, mix: Mix, plan: Plan, exchange: Exchange, marks: DataFrame | None, progress: StageProgress | None = None
) -> None:
    """Store the objects which the exchange lacks, each by one task."""
    there = exchange.there()

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for pack in packs_of(batches, inputs):
            if pack.number not in there:
                exchange.store(pack.number, _chosen(pack, inputs, mix, plan, exchange.stretches))
        yield from ()

    frame = over_packs(job, inputs, marks).mapInArrow(job.reporting(body), "nothing int")
    job.run(frame.write.format("noop").mode("overwrite").save, progress)


def _chosen(pack: Pack, inputs: Inputs, mix: Mix, plan: Plan, per_file: int) -> Iterator[pa.Table]:
    """The pack's rows that the mixture takes, as ROWS and `stretch`."""
    for batch in keyed(pack, inputs, mix, with_text=True):
        yield from rows_drawn(batch, mix, plan, per_file)


def rows_drawn(batch: Batch, mix: Mix, plan: Plan, per_file: int) -> Iterator[pa.Table]:
    """The rows of a batch that the mixture takes, phase by phase and epoch by epoch, as ROWS and `stretch`.

    Each file of the plan is cut into `per_file` stretches, which are counted over all files. The batch has its texts.
    """
    table, keys = batch.table, batch.keys
    pools = pool_numbers(table, batch.component, plan.pools, mix.selections)
    first = 0  # file of the phase
    for phase, files in enumerate(plan.files):
        start, end = np.zeros(table.num_rows, np.int64), np.zeros(table.num_rows, np.int64)
        for component in plan.components:
            if component.phase == phase:
                mine = pools == component.pool
                start[mine], end[mine] = component.start.copies(keys[mine]), component.end.copies(keys[mine])
        for epoch in range(int(start.min(initial=0)), int(end.max(initial=0))):
            rows = np.flatnonzero((start <= epoch) & (epoch < end))
            place = selection.places(table.column("id").take(pa.array(rows)), mix.seed, epoch)
            stretch = selection.files_of(place, files * per_file).astype(np.int64)
            taken = with_labels(table if len(rows) == table.num_rows else table.take(pa.array(rows)))
            columns = {
                "parts": pa.nulls(taken.num_rows, ROWS.field("parts").type),
                **{name: taken.column(name) for name in taken.column_names},
                "epoch": np.full(taken.num_rows, epoch, np.int32),
                "place": place,
            }
            chosen = pa.table([columns[name] for name in ROWS.names], names=ROWS.names).cast(ROWS)
            yield chosen.append_column("stretch", pa.array(first * per_file + stretch))
        first += files
