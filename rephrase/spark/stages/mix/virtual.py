"""A mixture that writes no text: an index over the texts of a run, and a manifest with the shares.

`rephrase mix run.yaml --virtual`. The index is made by Spark, an object for each stretch of the mixture's order, and holds all that the
components can give; shares are applied by those who read it (see `rephrase.loading`), so that other shares cost a new manifest alone.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.loading.index import Index, Paired, is_complete, open_index
from rephrase.loading.manifest import MANIFEST, manifest_for
from rephrase.loading.schedule import PhaseEnd, Schedule
from rephrase.mixing.plan import ROWS, Draw
from rephrase.mixing.targets import NoTextError, capacities_of, targets_of
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.units import Unit, pending
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.measuring import measure
from rephrase.spark.stages.mix.planning import make_plan
from rephrase.spark.stages.mix.rejections import explained
from rephrase.spark.stages.mix.virtual_parts import store

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.mixing.plan import Material, Plan
    from rephrase.mixing.settings import Mix
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.mix.inputs import Inputs

FOLDER = "virtual"
_LAYOUT = 1  # of the index: another number for each change
_PART_ROWS = 2_000_000  # of an index: what a task sorts


def virtual_mix(run: Run, spark: LazySession, *, part_rows: int = _PART_ROWS) -> Plan:
    """Make or take up the index of `<output>/virtual`, and write the manifest of the config's phases and shares.

    Spark is started only where the index is not there. Raises `UserError` where `mix` does, and for what cannot be mixed without writing.
    """
    from rephrase.spark.runtime.progress import console

    _check(run.mix)
    folder = storage.join(run.output, FOLDER)
    inputs = find_inputs(run)
    place = storage.join(folder, f"index-{digest(_meaning(run.mix, inputs))[:16]}")
    if is_complete(place):
        console.print("mix: the index is there, and the manifest is written anew")
    else:
        with open_job(spark.get(), place, title="mix (index)") as job:
            _make(run, inputs, job, place, part_rows)
    index = open_index(place)
    manifest, plan = manifest_for(run.mix, index).planned(index, storage.join(folder, MANIFEST))
    manifest.write(folder)
    return plan


def _check(mix: Mix) -> None:
    """Raise a `UserError` for texts that are nowhere yet, and for amounts that shares alone do not tell."""
    if mix.stitch is not None:
        what = "texts that are joined have to be written, and a virtual mixture writes none"
        raise UserError(what, where="mix.stitch", cure="take it out, or write the mixture: `rephrase mix run.yaml`")
    if curved := next((component.name for component in mix.selections if component.curve), None):
        what = f"the curve of `{curved}` is solved for its tokens, and the shares of a virtual mixture may change"
        raise UserError(what, where="mix.components", cure="give the cells `weights`, or write the mixture: `rephrase mix run.yaml`")


_OF_SHARES = {"share", "tokens", "temperature", "max_epochs"}  # what a component says of amounts


def _meaning(mix: Mix, inputs: Inputs) -> list[Any]:
    """What an index depends on: all but shares and phases, and these too where pairing goes by what is taken."""
    components = [[part.model_dump(mode="json", exclude=_OF_SHARES), math.ceil(part.max_epochs)] for part in mix.selections]
    texts = [mix.seed, mix.max_synthetic_depth, mix.reasoning, mix.reasoning_marks, inputs.meaning]
    return [_LAYOUT, components, *texts, *([mix.model_dump(mode="json")] if mix.pairing else [])]


def _make(run: Run, inputs: Inputs, job: Job, folder: str, part_rows: int) -> None:
    mix = run.mix
    with ExitStack() as cached:
        plan, marks = None, None
        try:  # refuse before any work
            if mix.pairing:
                plan, marks = make_plan(mix, inputs, job)
                material = measure(mix, inputs, job, marks, plan.pools)
            else:
                material = measure(mix, inputs, job)
                targets_of(mix, material.pools, material.available)
        except NoTextError as error:
            raise explained(error, run) from error
        if marks is not None:
            cached.callback(marks.unpersist)
        index = _index_of(run, inputs, material, folder, part_rows)
        units = [Unit(index.part(number), number) for number in range(index.parts)]
        todo = pending(units, folder)
        if todo:
            store(mix, inputs, job, index, marks, todo)
    _paired(mix, index, plan).write(material)


def _paired(mix: Mix, index: Index, plan: Plan | None) -> Index:
    """The index with the plan that pairing was decided by."""
    if plan is None:
        return index
    ends, targets, current = [], [], dict.fromkeys(range(len(plan.pools)), Draw())
    for number in range(len(plan.files)):
        mine = [part for part in plan.components if part.phase == number]
        current |= {part.pool: part.end for part in mine}
        wanted = {part.pool: part.target_tokens for part in mine}
        targets.append([wanted.get(pool, 0) for pool in range(len(plan.pools))])
        drawn = [current[pool] for pool in range(len(plan.pools))]
        rows, tokens = sum(part.rows for part in mine), sum(part.tokens for part in mine)
        ends.append(PhaseEnd(tuple(draw.whole_epochs for draw in drawn), tuple(draw.cut for draw in drawn), None, rows, tokens))
    paired = Paired("", sum(map(sum, targets)), Schedule(tuple(ends)).to_json(), targets)
    whole = replace(index, paired=paired)
    return replace(whole, paired=replace(paired, of=manifest_for(mix, whole).digest))


def _index_of(run: Run, inputs: Inputs, material: Material, folder: str, part_rows: int) -> Index:
    capacities = capacities_of(run.mix, material.pools, [1] * len(material.pools))  # the epochs of each
    epochs = [math.ceil(capacity) for capacity in capacities]
    rows = sum(int(sums[ROWS].sum()) * most for most, sums in zip(epochs, material.sums, strict=True))
    start = len(run.output.rstrip("/")) + 1
    return Index(
        folder=folder,
        components=tuple(run.mix.selections),
        pools=material.pools,
        epochs=tuple(epochs),
        seed=run.mix.seed,
        objects=tuple(path[start:] for pack in inputs.packs for path in pack),
        parts=max(1, math.ceil(rows / part_rows)),
        marks=(run.mix.joint.before, run.mix.joint.between) if run.mix.joint else None,
    )
