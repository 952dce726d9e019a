"""The mix stage: originals and kept generations by token shares, globally shuffled, as files that a data loader reads as they are.

Run alone with `rephrase mix run.yaml` or `spark-submit jobs/mix.py run.yaml`. Texts cross the cluster once, in the shuffle that puts
them in order; before that, two passes over the other columns decide which texts are taken. `_manifest.json` is written last: while it
is not there, the mixture is incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from jobs.mix_exchange import Exchange
from jobs.mix_inputs import find_inputs
from jobs.mix_manifest import MANIFEST, finish
from jobs.mix_plan import make_plan, marks_of, measure
from jobs.mix_shuffle import scatter
from jobs.mix_tables import print_material, print_plan
from jobs.mix_write import fingerprints, write
from jobs.stage import claim, replace_other
from jobs.units import Unit, pending
from jobs.watched import watched
from rephrase import storage, tables
from rephrase.errors import UserError
from rephrase.mix_plan import Plan

if TYPE_CHECKING:
    from jobs.mix_inputs import Inputs
    from jobs.session import LazySession
    from rephrase.config import Run
    from rephrase.mix_settings import Mix

_PLAN = "_plan.json"


def mix(run: Run, spark: LazySession, *, replace: bool = False) -> None:
    """Make `<output>/mixture` from `<output>/documents` and the kept rows of `<output>/judged`. Resumes.

    Returns at once where all is there. `replace` removes the mixture of another config once the new one is planned. Raises `UserError`
    for missing tables, an unfinished filter stage, too little material for the shares and the budget, a mixture that the config's guards
    refuse, and a folder that holds the mixture of another config or of other tables.
    """
    from jobs.progress import StageProgress, console

    folder = storage.join(run.output, "mixture")
    inputs = find_inputs(run)
    meaning = {"mix": run.mix.model_dump(mode="json"), **inputs.meaning}
    if replace and (plan := replace_other(folder, "mix", meaning, lambda: _planned(run.mix, inputs, spark, folder))):
        _begin(folder, meaning, plan)
    if storage.exists(storage.join(folder, "_stage.json")):
        claim(folder, "mix", meaning)  # refuse before any work
    if storage.exists(storage.join(folder, MANIFEST)):
        console.print("mix: the mixture is complete, nothing to do")
        return
    before = plan_of(folder)
    with watched(spark.get(), folder) as job:
        if before:
            plan, marks = before, None
        else:
            plan, marks = make_plan(run.mix, inputs, job)
            _begin(folder, meaning, plan)  # only now: a config that asks for too much must leave nothing behind
        count = sum(plan.files)
        units = [Unit(storage.join(folder, tables.DATA, _file_name(number, count)), number) for number in range(count)]
        todo = pending(units, folder)
        prints: dict[str, tuple[int, str]] = {}
        if todo:
            exchange = Exchange.of(folder, inputs, run.mix, plan)
            there = len(exchange.there())
            if there < exchange.packs:
                marks = marks_of(run.mix, inputs, job, plan) if before else marks
                with StageProgress("mix (exchange)", exchange.folder, exchange.packs, there, ending=exchange.ENDING) as progress:
                    scatter(job, inputs, run.mix, plan, exchange, marks, progress)
        if marks is not None:
            marks.unpersist()
        with StageProgress("mix", folder, len(units), len(units) - len(todo), _words) as progress:
            if todo:
                prints.update(write(job, todo, exchange, run.mix, progress))
        Exchange.remove(folder)
        rest = [unit.output for unit in units if unit.output not in prints]
        if rest:
            prints.update(fingerprints(job, rest))
    finish(run, folder, plan, [unit.output for unit in units], prints)


def _planned(mix: Mix, inputs: Inputs, spark: LazySession, folder: str) -> Plan:
    """The plan alone. What it says of rows is then found again, as a resumed run does: by frames that outlive the old mixture."""
    with watched(spark.get(), folder) as job:
        plan, marks = make_plan(mix, inputs, job)
        if marks is not None:
            marks.unpersist()
    return plan


def _begin(folder: str, meaning: dict[str, Any], plan: Plan) -> None:
    claim(folder, "mix", meaning)
    storage.create(storage.join(folder, _PLAN), orjson.dumps(plan.to_dict(), option=orjson.OPT_INDENT_2))


def plan_of(folder: str) -> Plan | None:
    """The plan of a mixture that was begun in this folder."""
    path = storage.join(folder, _PLAN)
    return Plan.from_dict(orjson.loads(storage.read(path))) if storage.exists(path) else None


def show_plan(run: Run, spark: LazySession) -> None:
    """Print the mixture that `mix` would make, from ids, tokens and labels alone, and leave nothing behind.

    Raises what `mix` would raise; what material there is has then been printed.
    """
    inputs = find_inputs(run)
    with watched(spark.get(), storage.join(run.output, "mixture")) as job:
        material = measure(run.mix, inputs, job)
        try:
            plan, _ = make_plan(run.mix, inputs, job, material)
        except UserError:
            print_material(run.mix, material)
            raise
    print_plan(plan)


def _file_name(number: int, files: int) -> str:
    return f"part-{number:0{max(5, len(str(files - 1)))}d}.parquet"


def _words(sums: dict[str, float], seconds: float) -> str:
    tokens = sums.get("tokens", 0)
    return f"{sums['rows']:,.0f} rows, {tokens:,.0f} tokens, {tokens / max(seconds, 0.001):,.0f} tokens/s" if tokens else ""


if __name__ == "__main__":
    from jobs.cli import stage_main

    stage_main("mix")
