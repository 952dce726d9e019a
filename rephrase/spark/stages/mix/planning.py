"""Which texts the mixture takes: two passes over ids, tokens and labels, and the joins that pairing needs.

The driver holds sums by pool and bucket of keys, and the keys of one bucket for each pool and phase.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rephrase.errors import UserError
from rephrase.mixing import selection
from rephrase.mixing.guards import check_guards
from rephrase.mixing.plan import MEASURES, ROWS, TOKENS, ComponentPlan, Draw, Material, Plan, Pool, complete_plan, component_plans, draws
from rephrase.mixing.targets import targets_of
from rephrase.spark.stages.mix.candidates import parts_of, pool_numbers
from rephrase.spark.stages.mix.pairs import largest_paired, left_out_by, preferred

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.mixing.settings import Mix
    from rephrase.spark.stages.mix.candidates import Actions, Batch, Candidates

_MAX_POOLS = 2000  # the driver holds 128 KiB of sums for each
_SUMS_DDL = "component int, part string, bucket int, tokens long, rows long, written long, original long"
_REASONS = {selection.NO_COMPONENT: "no_component", selection.TOO_DEEP: "synthetic_depth", selection.UNPAIRED: "pairing"}


def make_plan(mix: Mix, inputs: Candidates, job: Actions, material: Material | None = None) -> tuple[Plan, DataFrame | None]:
    """The plan, and the marks of rows that pairing needs. Raises `UserError` where the material does not reach or a guard refuses."""
    if mix.pairing:
        return _paired_plan(mix, inputs, job)
    material = material or measure(mix, inputs, job)
    targets = targets_of(mix, material.pools, material.available)
    ends = _draws(mix, inputs, job, None, material, targets)
    return _checked(mix, material, component_plans(mix, material, targets, ends)), None


def _checked(mix: Mix, material: Material, components: Sequence[ComponentPlan]) -> Plan:
    check_guards(mix, material, components)
    return complete_plan(mix, material, components)


def marks_of(mix: Mix, inputs: Candidates, job: Actions, plan: Plan) -> DataFrame | None:
    """The marks of a plan that an earlier run made."""
    if not mix.pairing:
        return None
    ends = [plan.last(pool) for pool in range(len(plan.pools))]
    return left_out_by(mix, inputs, job, preferred(mix, inputs, job), plan.pools, ends).persist()


def _paired_plan(mix: Mix, inputs: Candidates, job: Actions) -> tuple[Plan, DataFrame]:
    """One origin is drawn as it would be without pairing; then the texts of the other that fit to it are measured, and drawn."""
    with ExitStack() as cached:
        first_marks = preferred(mix, inputs, job)
        if first_marks is not None:
            cached.callback(first_marks.persist().unpersist)
        material = measure(mix, inputs, job, first_marks)
        shrunk = largest_paired(mix, inputs, job, first_marks, material) if mix.all_phases[0].budget is None else None
        targets = targets_of(mix, material.pools, material.available, shrunk)
        if shrunk == 0:
            raise _unpaired(mix, "no mixture of these shares has texts enough", 0)
        ends = _draws(mix, inputs, job, first_marks, material, targets)
        marks = left_out_by(mix, inputs, job, first_marks, material.pools, ends[-1]).persist()
        rest = measure(mix, inputs, job, marks, material.pools)
        try:
            targets = _targets_of_rest(mix, material, rest, shrunk)
        except UserError as error:
            marks.unpersist()
            fits = None if mix.phases else largest_paired(mix, inputs, job, first_marks, material, mix.all_phases[0].budget)
            raise _unpaired(mix, error.what, fits) from error
        is_first = [(mix.selections[pool.component].is_original is True) == (mix.pairing == "both") for pool in material.pools]
        others = _draws(mix, inputs, job, marks, rest, targets)
    ends = [[a if first else b for a, b, first in zip(*phases, is_first, strict=True)] for phases in zip(ends, others, strict=True)]
    return _checked(mix, rest, component_plans(mix, rest, targets, ends)), marks


def _targets_of_rest(mix: Mix, material: Material, rest: Material, shrunk: int | None) -> list[list[int]]:
    """The targets once pairing has left texts out. A component that it empties is refused, as its share is no one else's."""
    for index, component in enumerate(mix.selections):
        before, after = (
            sum(tokens for pool, tokens in zip(texts.pools, texts.available, strict=True) if pool.component == index)
            for texts in (material, rest)
        )
        if before and not after:
            raise UserError(f"of the {before:,} tokens of `{component.name}` none fit")
    return targets_of(mix, rest.pools, rest.available, shrunk)


def _unpaired(mix: Mix, what: str, fits: int | None) -> UserError:
    rule = "whose original is taken" if mix.pairing == "both" else "of which no rewrite is taken"
    if fits:
        budget = f"set {'tokens to a sum of' if mix.all_phases[0].tokens is None else 'budget_tokens to'} at most {fits:,}"
    else:
        budget = "set the phases' tokens lower" if fits is None else "no budget is small enough"
    share = "larger" if mix.pairing == "both" else "smaller"
    ease = f"originals a {share} share, or the components that lack texts more max_epochs"
    return UserError(f"with texts {rule} alone: {what}", where="mix.pairing", cure=f"{budget}; or give {ease}")


def measure(mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None = None, pools: Sequence[Pool] | None = None) -> Material:
    """What there is of each pool. By default the pools are those of the rows, and one for each component that no row fits."""
    components = mix.selections
    owner = ["component", "part", "bucket"]

    def body(batch: Batch) -> Iterator[pa.RecordBatch]:
        table, component = batch.table, batch.component
        columns = {
            "component": component.astype(np.int32),
            "part": parts_of(table, component, components),
            "bucket": selection.buckets_of(batch.keys).astype(np.int32),
            "tokens": table.column("n_tokens").to_numpy(),
            "rows": np.ones(table.num_rows, np.int64),
            **_lengths_by_author(table),
        }
        owned = pa.table(columns).group_by(owner)
        summed = owned.aggregate([(name, "sum") for name in ("tokens", "rows", "written", "original")])
        names = [name.removesuffix("_sum") for name in summed.column_names]
        yield from summed.rename_columns(names).select(list(columns)).to_batches()

    frame = inputs.mapped(job, mix, marks, body, _SUMS_DDL)
    if inputs.tasks is not None:  # Spark's own number of partitions, 200 by default, would cost more than the sums of a small mixture
        frame = frame.repartition(max(1, min(inputs.tasks // 16, 200)), *owner)
    summed = job.run(frame.groupBy(*owner).sum("tokens", "rows", "written", "original").toArrow)
    owners = list(zip(summed.column(0).to_pylist(), summed.column(1).to_pylist(), strict=True))
    pools = list(pools or _pools_of(owners, len(components)))
    sums = np.zeros((len(pools) + len(_REASONS), MEASURES, selection.BUCKETS), np.int64)  # negative components count from the end
    places = {(pool.component, pool.value): number for number, pool in enumerate(pools)}
    index = np.array([places.get(owner, owner[0]) for owner in owners], np.int64)
    for number in range(MEASURES):
        sums[index, number, summed.column(2).to_numpy()] = summed.column(3 + number).to_numpy()
    left_out = {
        reason: {"rows": int(sums[number, ROWS].sum()), "tokens": int(sums[number, TOKENS].sum())} for number, reason in _REASONS.items()
    }
    return Material(tuple(pools), sums[: len(pools)], left_out)


def _lengths_by_author(table: pa.Table) -> dict[str, Any]:
    """Tokens of the texts that a model wrote, and of originals; 0 for all others. Shape: (rows,) each."""
    lengths = table.column("n_tokens").to_numpy()
    is_original = pc.equal(table.column("origin"), "original").to_numpy().astype(np.bool_)
    return {"written": lengths * (table.column("synthetic_depth").to_numpy() > 0), "original": lengths * is_original}


def _pools_of(owners: Sequence[tuple[int, str | None]], components: int) -> list[Pool]:
    """The pools of the rows' components and their parts, and one for each component that no row fits."""
    pools = {Pool(*owner) for owner in owners if owner[0] >= 0}
    pools |= {Pool(index) for index in set(range(components)) - {pool.component for pool in pools}}
    if len(pools) > _MAX_POOLS:
        raise UserError(
            f"`split_by` makes {len(pools):,} parts, of at most {_MAX_POOLS:,}",
            where="mix.components",
            cure="select fewer sources or labels, or give rare ones a component of their own",
        )
    return sorted(pools, key=lambda pool: (pool.component, pool.value or ""))


def _draws(
    mix: Mix, inputs: Candidates, job: Actions, marks: DataFrame | None, material: Material, targets: Sequence[Sequence[int]]
) -> list[list[Draw]]:
    """The draws of each phase; the texts of the buckets in which they end, about one in BUCKETS of all, come to the driver."""
    components, pools = mix.selections, material.pools
    names = ["pool", "key", "tokens", "rows", "written", "original"]

    def keys_in(chosen: Any) -> list[Any]:
        nowhere = np.zeros((len(_REASONS), selection.BUCKETS), np.bool_)
        chosen_buckets = np.concatenate([chosen, nowhere])

        def body(batch: Batch) -> Iterator[pa.RecordBatch]:
            pool = pool_numbers(batch.table, batch.component, pools, components)
            here = chosen_buckets[pool, selection.buckets_of(batch.keys)]
            lengths = batch.table.column("n_tokens").to_numpy()
            counts = [lengths, np.ones(len(lengths)), *_lengths_by_author(batch.table).values()]
            columns = [pa.array(column[here].astype(np.int64)) for column in (pool, batch.keys, *counts)]
            yield pa.RecordBatch.from_arrays(columns, names)

        if not chosen.any():
            return [np.zeros((1 + MEASURES, 0), np.int64)] * len(pools)
        rows = job.run(inputs.mapped(job, mix, marks, body, ", ".join(f"{name} long" for name in names)).toArrow)
        values = np.stack([rows.column(name).to_numpy() for name in names])
        return [values[1:, values[0] == number] for number in range(len(pools))]

    return draws(material, targets, keys_in)
