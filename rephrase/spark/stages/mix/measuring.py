"""What there is of each pool: sums over ids, tokens and labels, which the driver holds by pool and bucket of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from rephrase.errors import UserError
from rephrase.mixing import selection
from rephrase.mixing.cells import by_quantiles, cells_of, scores_of, telling
from rephrase.mixing.grid import SOURCE, Cell, Steps, name_of
from rephrase.mixing.plan import MEASURES, ROWS, TOKENS, Material
from rephrase.mixing.pools import Pool
from rephrase.mixing.quantiles import Bounds, bins_of, bounds_by_cell, bounds_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from rephrase.mixing.component import Component
    from rephrase.mixing.settings import Mix
    from rephrase.spark.stages.mix.candidates import Actions, Batch, Candidates

REASONS = {selection.NO_COMPONENT: "no_component", selection.TOO_DEEP: "synthetic_depth", selection.UNPAIRED: "pairing"}

_MAX_POOLS = 2000  # the driver holds 128 KiB of sums for each
_SUMS_DDL = "component int, cell string, bucket int, tokens long, rows long, written long, original long"
_SCORES_DDL = "component int, cell string, bin long, tokens long"

_Bounds = dict[int, dict[Cell, Bounds]]  # by component, of the score that is cut by quantiles


def measure(mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None = None, pools: Sequence[Pool] | None = None) -> Material:
    """What there is of each pool. By default the pools are those of the rows, and one for each component that no row fits."""
    components = mix.selections
    bounds = _quantiles(mix, inputs, job, marks) if pools is None else _bounds_of(pools, components)

    def body(batch: Batch) -> Iterator[pa.RecordBatch]:
        table, component = batch.table, batch.component
        columns = {
            "component": component.astype(np.int32),
            "cell": _cells(table, component, components, bounds),
            "bucket": selection.buckets_of(batch.keys).astype(np.int32),
            "tokens": table.column("n_tokens").to_numpy(),
            "rows": np.ones(table.num_rows, np.int64),
            **lengths_by_author(table),
        }
        yield from _summed(columns, ["component", "cell", "bucket"])

    owner = ["component", "cell", "bucket"]
    frame = _gathered(inputs.mapped(job, mix, marks, body, _SUMS_DDL), inputs, owner)
    summed = job.run(frame.groupBy(*owner).sum("tokens", "rows", "written", "original").toArrow)
    owners = [(index, _cell(text)) for index, text in zip(summed.column(0).to_pylist(), summed.column(1).to_pylist(), strict=True)]
    pools = list(pools or _pools_of(owners, components, bounds))
    sums = np.zeros((len(pools) + len(REASONS), MEASURES, selection.BUCKETS), np.int64)  # negative components count from the end
    places = {(pool.component, pool.cell): number for number, pool in enumerate(pools)}
    index = np.array([places.get(owner, owner[0]) for owner in owners], np.int64)
    for number in range(MEASURES):
        sums[index, number, summed.column(2).to_numpy()] = summed.column(3 + number).to_numpy()
    left_out = {
        reason: {"rows": int(sums[number, ROWS].sum()), "tokens": int(sums[number, TOKENS].sum())} for number, reason in REASONS.items()
    }
    return Material(tuple(pools), sums[: len(pools)], left_out)


def _quantiles(mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None) -> _Bounds:
    """Where scores are cut by quantiles, from one pass over the rows; no pass where none is."""
    components = mix.selections
    by_component = {index: place for index, one in enumerate(components) if (place := by_quantiles(one.dimensions)) is not None}
    if not by_component:
        return {}

    def body(batch: Batch) -> Iterator[pa.RecordBatch]:
        for index, place in by_component.items():
            dimensions, rows = components[index].dimensions, np.flatnonzero(batch.component == index)
            scores = scores_of(telling(batch.table, rows), dimensions[place])
            rows, scores = rows[~np.isnan(scores)], scores[~np.isnan(scores)]
            mine = telling(batch.table, rows)
            codes, cells = cells_of(mine, [*dimensions[:place], *dimensions[place + 1 :]])
            columns = {
                "component": np.full(mine.num_rows, index, np.int32),
                "cell": _texts(codes, cells),
                "bin": bins_of(scores),
                "tokens": batch.table.column("n_tokens").to_numpy()[rows],
            }
            yield from _summed(columns, ["component", "cell", "bin"])

    owner = ["component", "cell", "bin"]
    frame = _gathered(inputs.mapped(job, mix, marks, body, _SCORES_DDL), inputs, owner)
    summed = job.run(frame.groupBy(*owner).sum("tokens").toArrow)
    rows: dict[tuple[int, str], list[int]] = {}
    for number, row in enumerate(zip(summed.column(0).to_pylist(), summed.column(1).to_pylist(), strict=True)):
        rows.setdefault(row, []).append(number)
    bins, tokens = summed.column(2).to_numpy(), summed.column(3).to_numpy()
    bounds: _Bounds = {}
    for (index, text), numbers in rows.items():
        dimension = components[index].dimensions[by_component[index]]
        assert isinstance(dimension, Steps)
        bounds.setdefault(index, {})[_cell(text)] = bounds_of(bins[numbers], tokens[numbers], dimension.steps)
    return bounds


def _bounds_of(pools: Sequence[Pool], components: Sequence[Component]) -> _Bounds:
    """The same, of pools that have been found."""
    bounds: _Bounds = {}
    for index, component in enumerate(components):
        if (place := by_quantiles(component.dimensions)) is not None:
            mine = [pool for pool in pools if pool.component == index and pool.cell]
            bounds[index] = bounds_by_cell([pool.cell for pool in mine], [pool.lowest for pool in mine], place)
    return bounds


def _gathered(frame: DataFrame, inputs: Candidates, owner: Sequence[str]) -> DataFrame:
    """The sums of an owner side by side, in partitions of a number that fits the inputs."""
    if inputs.tasks is None:  # Spark's own number of partitions, 200 by default, would cost more than the sums of a small mixture
        return frame
    return frame.repartition(max(1, min(inputs.tasks // 16, 200)), *owner)


def _summed(columns: dict[str, Any], owner: Sequence[str]) -> Iterator[pa.RecordBatch]:
    measures = [name for name in columns if name not in owner]
    summed = pa.table(columns).group_by(list(owner)).aggregate([(name, "sum") for name in measures])
    names = [name.removesuffix("_sum") for name in summed.column_names]
    yield from summed.rename_columns(names).select(list(columns)).to_batches()


def _cells(table: pa.Table, component: NDArray[np.int32], components: Sequence[Component], bounds: _Bounds) -> pa.Array:
    """The cell of each row, as Spark groups by it: JSON, or null where the component is not divided."""
    all_cells: list[Cell] = []
    all_codes = np.full(table.num_rows, -1, np.int64)
    for index, settings in enumerate(components):
        mine = np.flatnonzero(component == index)
        if len(mine) and settings.dimensions:
            codes, cells = cells_of(telling(table, mine), settings.dimensions, bounds.get(index))
            all_codes[mine] = codes + len(all_cells)
            all_cells += cells
    return _texts(all_codes, all_cells)


def _texts(codes: NDArray[np.int64], cells: Sequence[Cell]) -> pa.Array:
    """The cells of codes as JSON; null for a code of -1."""
    return pa.array([orjson.dumps(cell).decode() for cell in cells], pa.string()).take(pa.array(codes, mask=codes < 0))


def _cell(text: str | None) -> Cell:
    return () if text is None else tuple(orjson.loads(text))


def lengths_by_author(table: pa.Table) -> dict[str, Any]:
    """Tokens of the texts that a model wrote, and of originals; 0 for all others. Shape: (rows,) each."""
    lengths = table.column("n_tokens").to_numpy()
    is_original = pc.equal(table.column("origin"), "original").to_numpy().astype(np.bool_)
    return {"written": lengths * (table.column("synthetic_depth").to_numpy() > 0), "original": lengths * is_original}


def _pools_of(owners: Sequence[tuple[int, Cell]], components: Sequence[Component], bounds: _Bounds) -> list[Pool]:
    """The pools of the rows' components and cells, and one for each component that no row fits."""
    pools = {Pool(index, cell, _lowest(components[index], cell, bounds.get(index, {}))) for index, cell in owners if index >= 0}
    for index, component in enumerate(components):
        _check_known(component, [pool.cell for pool in pools if pool.component == index])
    pools |= {Pool(index) for index in set(range(len(components))) - {pool.component for pool in pools}}
    if len(pools) > _MAX_POOLS:
        most = max(range(len(components)), key=lambda index: sum(pool.component == index for pool in pools))
        by = " x ".join(map(name_of, components[most].dimensions))
        raise UserError(
            f"`{components[most].name}` is divided by {by}, which makes {len(pools):,} parts, of at most {_MAX_POOLS:,}",
            where="mix.components",
            cure="divide by fewer dimensions or steps, select fewer sources, or give rare ones a component of their own",
        )
    return sorted(pools, key=lambda pool: (pool.component, [(value is not None, 0 if value is None else value) for value in pool.cell]))


def _lowest(component: Component, cell: Cell, bounds: Mapping[Cell, Bounds]) -> float | None:
    """The score from which a cell's quantile begins; None for the first that holds texts, and for cells without."""
    place = by_quantiles(component.dimensions)
    if place is None or cell[place] is None:
        return None
    of_row = bounds[cell[:place] + cell[place + 1 :]]
    number = of_row.steps.index(int(cell[place] or 0))
    return of_row.lowest[number - 1] if number else None


def _check_known(component: Component, cells: Sequence[Cell]) -> None:
    """Raise a `UserError` for a label or a score that no text of the component has: its name is wrong, or nothing gives it."""
    for place, dimension in enumerate(component.dimensions):
        if dimension != SOURCE and cells and all(cell[place] is None for cell in cells):
            kind, gives = ("score", "scores come from") if isinstance(dimension, Steps) else ("label", "labels come from")
            raise UserError(
                f"no text of `{component.name}` has the {kind} `{name_of(dimension)}`, by which it is divided",
                where="mix.components",
                cure=f"mend the name; {gives} `input` for documents, and from `filter` for rewrites",
            )
