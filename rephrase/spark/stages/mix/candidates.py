"""Texts that a mixture may take: each with its component and its selection key, wherever it is stored.

The mix stage has them from the objects of a run (see `inputs`), `rephrase.spark.mix` from DataFrames. What is decided about them asks
for no more than this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from rephrase.mixing import selection
from rephrase.mixing.cells import by_quantiles, cells_of, telling
from rephrase.mixing.grid import Steps, labels_in
from rephrase.mixing.quantiles import bounds_by_cell
from rephrase.mixing.reasoning import COLUMN, with_reasoning
from rephrase.mixing.stitching import is_joined
from rephrase.spark.stages.base import Table, Tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from rephrase.mixing.component import Component
    from rephrase.mixing.pools import Pool
    from rephrase.mixing.settings import Mix
    from rephrase.spark.runtime.frame_job import FrameJob
    from rephrase.spark.runtime.job import Job

    Actions = Job | FrameJob

PREFERRED = 1  # an original that has rewrites, which is drawn before others
OUT = 2  # a text that pairing leaves out


@dataclass(frozen=True, slots=True)
class Batch:
    """Some candidates of one pack. `table` is as `selection.candidates` gives it; all arrays have the shape (rows,)."""

    pack: int
    table: pa.Table
    component: NDArray[np.int32]
    """Index in `Mix.selections`, or NO_COMPONENT, TOO_DEEP, UNPAIRED."""
    keys: NDArray[np.int64]


class Candidates(Protocol):
    """All candidates of a mixture. Marks are rows (pack int, id string, mark int) about texts; a pack tells texts of one id apart."""

    @property
    def tasks(self) -> int | None:
        """How many Spark tasks go over them; None where Spark alone knows."""
        ...

    def mapped(
        self, job: Actions, mix: Mix, marks: DataFrame | None, body: Callable[[Batch], Iterator[pa.RecordBatch]], ddl: str
    ) -> DataFrame:
        """What `body` makes of all batches, without their texts; columns as `ddl`. Lazy."""
        ...


def tables_wanted(mix: Mix) -> dict[Table, bool]:
    """Whether components take rows of `documents` and of `judged`, or texts that are joined of them."""
    components = [component for component in mix.selections if not component.stitched]
    joins_documents = mix.stitch is not None and (mix.stitch.with_originals or mix.stitch.by == "near")
    return {
        Tables.DOCUMENTS: joins_documents or any(c.origin != "synthetic" and c.recipe is None for c in components),
        Tables.JUDGED: mix.stitch is not None or any(component.origin != "original" for component in components),
    }


def columns_beside(mix: Mix) -> dict[str, bool]:
    """Whether components go by scores and by labels: keywords of `selection.columns_of`."""
    dimensions = [dimension for component in mix.selections for dimension in component.dimensions]
    by_bounds = any(component.min_scores or component.max_scores for component in mix.selections)
    return {
        "with_scores": by_bounds or any(isinstance(dimension, Steps) for dimension in dimensions),
        "with_labels": any(component.labels for component in mix.selections) or bool(labels_in(dimensions)),
    }


def candidate_rows(rows: pa.Table, mix: Mix, tokenizer: str | None = None) -> pa.Table:
    """The candidates among rows of `documents`, `judged` or `stitching.STITCHED`, with the texts that the mixture has of them.

    `tokenizer` counts texts that take their reasoning up, where rows have a column of it.
    """
    table = selection.candidates(rows)
    if COLUMN in table.column_names and mix.joint and tokenizer is not None:
        table = with_reasoning(table, mix.joint, Tokenizer.load(tokenizer))
    return table


def batch_of(pack: int, table: pa.Table, mix: Mix, marked: Callable[[int, pa.Table], NDArray[np.bool_]]) -> Batch:
    """The candidates of a table of `candidate_rows`. `marked` says which rows of a table have a mark, shape (rows,)."""
    components = mix.selections
    if mix.stitch is not None and "parts" not in table.column_names:  # those that are joined come again, joined or by themselves
        table = table.filter(pa.array(~is_joined(table, mix.stitch, mix.max_synthetic_depth)))
    component = selection.assign(table, components, mix.max_synthetic_depth)
    component[(component >= 0) & marked(OUT, table)] = selection.UNPAIRED
    keys = np.zeros(table.num_rows, np.int64)
    for index in set(component[component >= 0].tolist()):
        mine = np.flatnonzero(component == index)
        keys[mine] = selection.selection_keys(table.column("id").take(pa.array(mine)), mix.seed, components[index].name)
    if mix.pairing == "both" and table.num_rows and table.column("origin")[0].as_py() == "original":
        keys = selection.preferred_first(keys, marked(PREFERRED, table))
    return Batch(pack, table, component, keys)


def pool_numbers(table: pa.Table, component: Any, pools: Sequence[Pool], components: Sequence[Component]) -> Any:
    """The pool of each row, by its component and its cell; negative components stay as they are. Shape: (rows,)."""
    numbers = component.copy()
    for index, settings in enumerate(components):
        mine = np.flatnonzero(component == index)
        if not len(mine):
            continue
        by_cell = {pool.cell: number for number, pool in enumerate(pools) if pool.component == index}
        place = by_quantiles(settings.dimensions)
        bounds = None
        if place is not None:
            of_component = [pool for pool in pools if pool.component == index]
            bounds = bounds_by_cell([pool.cell for pool in of_component], [pool.lowest for pool in of_component], place)
        codes, cells = cells_of(telling(table, mine), settings.dimensions, bounds)
        numbers[mine] = np.array([by_cell[cell] for cell in cells], numbers.dtype)[codes]
    return numbers
