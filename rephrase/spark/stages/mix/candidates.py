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
import pyarrow.compute as pc

from rephrase import labels
from rephrase.mixing import selection
from rephrase.mixing.reasoning import COLUMN, with_reasoning
from rephrase.mixing.settings import SOURCE
from rephrase.mixing.stitching import is_joined
from rephrase.spark.stages.base import Table, Tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from rephrase.mixing.plan import Pool
    from rephrase.mixing.settings import Component, Mix
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


def with_scores(mix: Mix) -> bool:
    """Whether components select by scores."""
    return any(component.min_scores or component.max_scores for component in mix.selections)


def with_labels(mix: Mix) -> bool:
    """Whether components select or are split by labels."""
    return any(component.labels or component.split_by not in (None, SOURCE) for component in mix.selections)


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
    """The pool of each row, by its component and the part of it; negative components stay as they are. Shape: (rows,)."""
    numbers = component.copy()
    parts = parts_of(table, component, components)
    for index in range(len(components)):
        mine = component == index
        if not mine.any():
            continue
        by_value = {pool.value: number for number, pool in enumerate(pools) if pool.component == index}
        numbers[mine] = [by_value[value] for value in parts.filter(pa.array(mine)).to_pylist()]
    return numbers


def parts_of(table: pa.Table, component: Any, components: Sequence[Component]) -> Any:
    """The source or the label by which each row's component is split; null where it is not, or the row lacks it. Shape: (rows,)."""
    parts = pa.nulls(table.num_rows, pa.string())
    for index, settings in enumerate(components):
        mine = component == index
        if settings.split_by and mine.any():
            by_source = settings.split_by == SOURCE
            values = table.column(SOURCE).combine_chunks() if by_source else labels.values_of(table, settings.split_by)
            parts = pc.if_else(pa.array(mine), values, parts)
    return parts
