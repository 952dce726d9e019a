"""What the phases of a virtual mixture hold, counted in the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.errors import UserError
from rephrase.loading.asked import pools_for
from rephrase.loading.index import CHOICE
from rephrase.loading.schedule import NONE
from rephrase.mixing.grid import name_of
from rephrase.mixing.guards import check_guards
from rephrase.mixing.parts import max_epochs_of
from rephrase.mixing.plan import MEASURES, ROWS, TOKENS, ComponentPlan, Draw, Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.loading.asked import Asked
    from rephrase.loading.index import Index
    from rephrase.loading.schedule import Schedule
    from rephrase.mixing.plan import Material

AUTHORS = ["written", "original"]  # columns of the index
NAMES = ("tokens", "rows", *AUTHORS)
"""Of the measures of texts, in the order of a `Material`."""


def measures(columns: dict[str, NDArray[Any]]) -> list[NDArray[np.int64]]:
    """Tokens, rows, and tokens of texts that a model wrote and of originals. Shape: (rows,) each."""
    tokens = columns["n_tokens"]
    return [tokens, np.ones(len(tokens), np.int64), *(tokens * columns[name] for name in AUTHORS)]


def measured(
    index: Index, material: Material, asked: Asked, schedule: Schedule, targets: Sequence[Mapping[int, int]]
) -> tuple[Plan, list[int]]:
    """What each pool gives to each phase, counted in the index, and the rows of each phase.

    targets: tokens that each pool of the index shall give, by phase; what a pool gives where it has none.
    Raises `UserError` where the mixture's guards refuse it.
    """
    pools = pools_for(index, material, asked.mix)
    most = max_epochs_of(asked.mix, pools.material.pools)
    sums = np.zeros((len(schedule.phases), len(index.pools), MEASURES + 1), np.int64)
    for columns in index.arrays([*CHOICE, *AUTHORS]):
        phases = schedule.phase_of(columns)
        taken = phases != NONE
        again = columns["n_tokens"] * (columns["epoch"] > 0)
        values = np.stack([measure[taken] for measure in (*measures(columns), again)], axis=1)
        np.add.at(sums, (phases[taken], columns["pool"][taken]), values)
    plans = []
    for number, phase in enumerate(asked.mix.all_phases):
        whole = int(sums[number, :, TOKENS].sum())
        if whole != schedule.phases[number].tokens:
            what = f"phase {number + 1} has {whole:,} tokens in the index, and {schedule.phases[number].tokens:,} were planned"
            raise UserError(what, where=index.folder, cure="remove the folder and make it again: `rephrase mix run.yaml --virtual`")
        shares = {component.name: component.share or (component.tokens or 0) / (phase.budget or 1) for component in phase.components}
        wanted = [targets[number].get(n, int(sums[number, n, TOKENS])) for n in pools.numbers]
        for place, (pool, in_index) in enumerate(zip(pools.material.pools, pools.numbers, strict=True)):
            component = asked.mix.selections[pool.component]
            if component.name in shares:
                tokens, rows, written, original, again = sums[number, in_index].tolist()
                siblings = sum(target for p, target in zip(pools.material.pools, wanted, strict=True) if p.component == pool.component)
                part = wanted[place] / siblings if component.dimensions and siblings else 1.0
                available, texts = pools.material.sums[place, :2].sum(axis=1).tolist()
                plans.append(
                    ComponentPlan(
                        name=pool.label(component),
                        phase=number,
                        pool=place,
                        share=shares[component.name] * part,
                        max_epochs=float(most[place]),
                        target_tokens=wanted[place],
                        available_tokens=available,
                        available_rows=texts,
                        start=Draw(),
                        end=Draw(schedule.phases[number].epochs[in_index], schedule.phases[number].keys[in_index]),
                        tokens=tokens,
                        rows=rows,
                        written_tokens=written,
                        original_tokens=original,
                        cell=dict(zip(map(name_of, component.dimensions), pool.cell, strict=False)),
                        repeated=again,
                    )
                )
    check_guards(asked.mix, pools.material, plans)
    plan = Plan(pools.material.pools, tuple(plans), material.left_out, tuple(0 for _ in schedule.phases))
    return plan, sums[:, :, ROWS].sum(axis=1).tolist()
