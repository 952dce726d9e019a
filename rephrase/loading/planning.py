"""How far the phases of a virtual mixture go: from sums, and from passes over the index alone.

Phases that follow each other whole end where those of a mixture do that is written. One that says where it begins may end the one before it
early: that leaves texts behind, which what follows takes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase.errors import UserError
from rephrase.loading.asked import Asked, check_components, check_order, pools_for
from rephrase.loading.index import CHOICE
from rephrase.loading.measuring import AUTHORS, NAMES, measured, measures
from rephrase.loading.schedule import NONE, PhaseEnd, Schedule
from rephrase.mixing.plan import MEASURES, Material, Plan, component_plans, draws
from rephrase.mixing.selection import BUCKETS, Cut, buckets_of, cut_in_bucket
from rephrase.mixing.targets import capacities_of, pool_shares, targets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rephrase.loading.index import Index


Targets = dict[int, int]
"""The tokens that a phase shall have of each pool of the index."""


def plan_phases(index: Index, asked: Asked) -> tuple[Schedule, Plan]:
    """How far each phase goes, and what each pool gives to it. Raises `UserError` where the texts do not suffice."""
    material = index.material()
    if index.paired:
        if index.paired.of != asked.digest:
            what = "`pairing` has left out what does not fit to the texts of its shares, and the manifest has others"
            raise UserError(what, where=asked.where, cure="change the config, and make it again: `rephrase mix run.yaml --virtual`")
        schedule = Schedule.from_json(index.paired.phases)
        return schedule, measured(index, material, asked, schedule, [dict(enumerate(phase)) for phase in index.paired.targets])[0]
    check_components(index, asked)
    whole = next((number for number, begins in enumerate(asked.begins) if number and begins is not None), len(asked.begins))
    ends, targets = _ends_as_mixed(index, material, asked, whole)
    for number in range(whole, len(asked.begins)):
        begins = asked.begins[number]
        if begins is not None:
            check_order(asked, number, begins, [end.tokens for end in ends])
            if begins < sum(end.tokens for end in ends):
                ends[-1] = _stopped(index, ends, begins)
                targets[-1] = {}  # it was not to give all of them
        end, wanted = _next_end(index, material, asked, number, ends)
        ends.append(end)
        targets.append(wanted)
    schedule = Schedule(tuple(ends))
    plan, rows = measured(index, material, asked, schedule, targets)
    return Schedule(tuple(replace(end, rows=count) for end, count in zip(ends, rows, strict=True))), plan


def _ends_as_mixed(index: Index, material: Material, asked: Asked, count: int) -> tuple[list[PhaseEnd], list[Targets]]:
    """The ends of the first phases, which follow each other whole: those that the mixture has that is written. And their targets."""
    mix = asked.first(count)
    pools = pools_for(index, material, mix)
    targets = targets_of(mix, pools.material.pools, pools.material.available)

    def keys_in(chosen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
        everywhere = np.zeros((len(index.pools), BUCKETS), np.bool_)
        everywhere[list(pools.numbers)] = chosen
        rows = _rows_where(index, lambda columns: (columns["epoch"] == 0) & everywhere[columns["pool"], buckets_of(columns["key"])])
        values = np.stack([rows[name] for name in ("key", *NAMES)])
        return [values[:, rows["pool"] == place] for place in pools.numbers]

    drawn = draws(pools.material, targets, keys_in)
    plans = component_plans(mix, pools.material, targets, drawn)
    ends = []
    for number, phase in enumerate(drawn):
        mine = [plan for plan in plans if plan.phase == number]
        epochs, keys = [0] * len(index.pools), [0] * len(index.pools)
        for place, draw in zip(pools.numbers, phase, strict=True):
            epochs[place], keys[place] = draw.whole_epochs, draw.cut
        ends.append(PhaseEnd(tuple(epochs), tuple(keys), None, sum(plan.rows for plan in mine), sum(plan.tokens for plan in mine)))
    return ends, [dict(zip(pools.numbers, phase, strict=True)) for phase in targets]


def _rows_where(index: Index, chosen: Callable[[dict[str, NDArray[Any]]], NDArray[np.bool_]]) -> dict[str, NDArray[np.int64]]:
    """Pool, key and measures of the rows of the index that are chosen by their columns."""
    parts = []
    for columns in index.arrays([*CHOICE, *AUTHORS]):
        here = np.flatnonzero(chosen(columns))
        mine = {name: column[here] for name, column in columns.items()}
        parts.append(np.stack([mine["pool"].astype(np.int64), mine["key"], *measures(mine)]))
    values = np.concatenate([np.zeros((2 + MEASURES, 0), np.int64), *parts], axis=1)
    return dict(zip(("pool", "key", *NAMES), values, strict=True))


def _stopped(index: Index, ends: Sequence[PhaseEnd], begins: int) -> PhaseEnd:
    """The last of the phases, ended by the text with which the mixture has so many tokens. Texts of one place stay together."""
    schedule, number = Schedule(tuple(ends)), len(ends) - 1
    tokens, rows, last = schedule.begins[number], 0, NONE
    for columns in index.arrays(CHOICE):
        mine = schedule.phase_of(columns) == number
        lengths, places = columns["n_tokens"][mine], columns["place"][mine]
        before = tokens + np.cumsum(lengths) - lengths
        over = np.flatnonzero((before >= begins) & (np.diff(places, prepend=last) != 0))
        if len(over):
            at = int(over[0])
            return replace(ends[-1], stop=int(places[at]), rows=rows + at, tokens=int(before[at]) - schedule.begins[number])
        tokens, rows = tokens + int(lengths.sum()), rows + len(lengths)
        last = int(places[-1]) if len(places) else last
    return ends[-1]


def _next_end(index: Index, material: Material, asked: Asked, number: int, ends: Sequence[PhaseEnd]) -> tuple[PhaseEnd, Targets]:
    """The end of a phase that takes what earlier ones have left: of each pool the first texts that are nearest to its target.

    And the targets.
    """
    phase = asked.mix.all_phases[number]
    mix = asked.mix.model_copy(update={"phases": [phase]})
    pools, schedule = pools_for(index, material, mix), Schedule(tuple(ends))
    shares = pool_shares(mix, pools.material.pools, pools.material.available)[0]
    targets = {place: round(share * (phase.budget or 0)) for place, share in zip(pools.numbers, shares, strict=True)}
    left, given = _left(index, schedule)
    capacities = capacities_of(mix, pools.material.pools, pools.material.available)
    for place, pool, capacity in zip(pools.numbers, pools.material.pools, capacities, strict=True):
        room = min(int(capacity) - int(given[place]), int(left[place].sum()))
        if targets[place] > room:
            name = pool.label(mix.selections[pool.component])
            what = f"phase {number + 1} shall have {targets[place]:,} tokens of `{name}`, which has {max(room, 0):,} left"
            raise UserError(what, where=asked.where, cure="give the phase fewer tokens, the component a smaller share, or more max_epochs")
    cumulative = {place: np.cumsum(left[place]) for place in targets}
    spots = {place: int(np.searchsorted(cumulative[place], target)) for place, target in targets.items() if target > 0}
    wanted = np.full(len(index.pools), NONE, np.int64)
    wanted[list(spots)] = list(spots.values())

    def in_spots(columns: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
        spot = columns["epoch"].astype(np.int64) * BUCKETS + buckets_of(columns["key"])
        here: NDArray[np.bool_] = spot == wanted[columns["pool"]]
        here[here] = schedule.phase_of({name: column[here] for name, column in columns.items()}) == NONE
        return here

    rows = _rows_where(index, in_spots)
    epochs, keys, tokens = [0] * len(index.pools), [0] * len(index.pools), 0
    for place, spot in spots.items():
        mine = rows["pool"] == place
        before = int(cumulative[place][spot] - left[place][spot])
        cut = cut_in_bucket(spot % BUCKETS, Cut(0, before, 0), rows["key"][mine], rows["tokens"][mine], targets[place])
        epochs[place], keys[place] = spot // BUCKETS, cut.key
        tokens += cut.tokens
    return PhaseEnd(tuple(epochs), tuple(keys), None, 0, tokens), targets


def _left(index: Index, schedule: Schedule) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens that no phase takes, by pool and bucket of all epochs one after the other; and those that are taken, by pool."""
    left = np.zeros((len(index.pools), max(index.epochs) * BUCKETS), np.int64)
    given = np.zeros(len(index.pools), np.int64)
    for columns in index.arrays(CHOICE):
        pool, tokens, free = columns["pool"], columns["n_tokens"], schedule.phase_of(columns) == NONE
        spots = columns["epoch"].astype(np.int64) * BUCKETS + buckets_of(columns["key"])
        np.add.at(left, (pool[free], spots[free]), tokens[free])
        np.add.at(given, pool[~free], tokens[~free])
    return left, given
