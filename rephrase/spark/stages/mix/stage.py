"""The mix stage: originals and kept generations by token shares, globally shuffled, as files that a data loader reads as they are.

Run alone with `rephrase mix run.yaml` or `spark-submit jobs/mix.py run.yaml`. Two passes over the other columns decide which texts are
taken; then texts cross the cluster once, in objects that tasks hand on. `_manifest.json` is written last: while it is not there, the
mixture is incomplete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.mixing.plan import Plan
from rephrase.mixing.shortfall import share_notes
from rephrase.mixing.targets import NoTextError
from rephrase.names import ARROWS, MixtureName
from rephrase.notes import MixtureNote
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.units import Unit, pending
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim, described, note_of, read_json, refusal_of, replace_other
from rephrase.spark.stages.meaning import Defaults, Meaning, defaults_of
from rephrase.spark.stages.mix.exchange import Exchange
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.manifest import finish, is_complete
from rephrase.spark.stages.mix.planning import make_plan, marks_of
from rephrase.spark.stages.mix.rejections import explained, nothing_kept
from rephrase.spark.stages.mix.scatter import scatter
from rephrase.spark.stages.mix.stitched import remove_stitched, with_stitched
from rephrase.spark.stages.mix.write import fingerprints, write
from rephrase.storage import tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from rephrase.config.run import Run
    from rephrase.spark.runtime.job import Job
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.mix.inputs import Inputs

_PLAN = "_plan.json"


def mix(run: Run, spark: LazySession, *, replace: bool = False, folder: str | None = None) -> None:
    """Make `<output>/mixture`, or another folder, from `<output>/documents` and the kept rows of `<output>/judged`. Resumes.

    Returns at once where all is there. `replace` removes the mixture of another config once the new one is planned. Raises `UserError`
    for missing tables, an unfinished filter stage, too little material for the shares and the budget, a mixture that the config's guards
    refuse, and a folder that holds the mixture of another config or of other tables.
    """
    from rephrase.spark.runtime.account import Sums
    from rephrase.spark.runtime.progress import StageProgress, console

    folder = folder or Tables.MIXTURE.folder(run.output)
    inputs = find_inputs(run)
    meaning = meaning_of(run, inputs)
    replacing = replace_other(folder, Tables.MIXTURE, meaning, lambda: _planned(run, inputs, spark, folder)) if replace else None
    if replacing:
        _begin(folder, meaning, replacing)
    if note_of(folder):
        claim(folder, Tables.MIXTURE, meaning)  # refuse before any work
    if is_complete(folder):
        console.print("mix: the mixture is complete, nothing to do")
        return
    before = plan_of(folder)
    if not replacing:  # which has said so
        console.print("mix: plans the mixture" if before is None else "mix: goes on with the mixture that was planned")
    with open_job(spark.get(), folder, title="mix (plan)") as job:
        if before:
            plan, marks = before, None
        else:
            inputs, plan, marks = _plan(run, inputs, job, folder)
            _begin(folder, meaning, plan)  # only now: a config that asks for too much must leave nothing behind
        for note in _notes(run, plan):
            console.print(f"mix: {note}", soft_wrap=True)
        count = sum(plan.files)
        units = [Unit(storage.join(folder, tables.DATA, str(MixtureName(number, count))), number) for number in range(count)]
        todo = pending(units, folder)
        prints: dict[str, tuple[int, str]] = {}
        if todo:
            inputs = with_stitched(run.mix, inputs, job, folder) if before else inputs
            exchange = Exchange.of(folder, inputs, run.mix, plan)
            there = len(exchange.there())
            if there < exchange.packs:
                marks = marks_of(run.mix, inputs, job, plan) if before else marks
                with StageProgress("mix (exchange)", exchange.folder, exchange.packs, there, None, ending=ARROWS) as progress:
                    scatter(job, inputs, run.mix, plan, exchange, marks, progress)
        if marks is not None:
            marks.unpersist()
        with StageProgress("mix", folder, len(units), len(units) - len(todo), Sums(MixtureNote, _progress)) as progress:
            if todo:
                prints.update(write(job, todo, exchange, run.mix, progress))
        Exchange.remove(folder)
        remove_stitched(folder)
        rest = [unit.output for unit in units if unit.output not in prints]
        if rest:
            prints.update(fingerprints(job, rest))
    finish(run, folder, plan, [unit.output for unit in units], prints)


def _notes(run: Run, plan: Plan) -> list[str]:
    warning = nothing_kept(run)
    return [*([warning] if warning else []), *share_notes(run.mix, plan.components)]


def _plan(run: Run, inputs: Inputs, job: Job, folder: str) -> tuple[Inputs, Plan, DataFrame | None]:
    """The plan and its marks, and the inputs with the texts that are joined; these are removed where there is no plan."""
    try:
        inputs = with_stitched(run.mix, inputs, job, folder)
        return inputs, *make_plan(run.mix, inputs, job)
    except UserError as error:
        remove_stitched(folder)
        raise explained(error, run) if isinstance(error, NoTextError) else error from error


def _planned(run: Run, inputs: Inputs, spark: LazySession, folder: str) -> Plan:
    """The plan alone. What it says of rows is then found again, as a resumed run does: by frames that outlive the old mixture."""
    with open_job(spark.get(), folder, title="mix (plan)") as job:
        _, plan, marks = _plan(run, inputs, job, folder)
        if marks is not None:
            marks.unpersist()
    return plan


def meaning_of(run: Run, inputs: Inputs) -> Meaning:
    """What the mixture of these tables depends on."""
    content = {"mix": run.mix.model_dump(mode="json"), **inputs.meaning}
    explained = {name: {"digest": described(storage.join(run.output, name))} for name in inputs.meaning}
    return Meaning(content, Defaults(below={"mix": defaults_of(type(run.mix))}), explained)


def is_of_another_config(run: Run) -> bool:
    """Whether the mixture that is there was made by another config or version, or from other tables: its plan tells nothing of this one."""
    folder = Tables.MIXTURE.folder(run.output)
    return refusal_of(folder, Tables.MIXTURE, lambda: meaning_of(run, find_inputs(run))) is not None


def _begin(folder: str, meaning: Meaning, plan: Plan) -> None:
    claim(folder, Tables.MIXTURE, meaning)
    storage.create(storage.join(folder, _PLAN), orjson.dumps(plan.to_dict(), option=orjson.OPT_INDENT_2))


def plan_of(folder: str) -> Plan | None:
    """The plan of a mixture that was begun in this folder."""
    path = storage.join(folder, _PLAN)
    if not storage.exists(path):
        return None
    content = read_json(path, ("pools", "components", "left_out", "files"))
    try:
        return Plan.from_dict(content)
    except Exception as error:  # whatever a file of another shape makes of it
        cure = "remove the folder of the mixture and run again"
        raise UserError(f"not the plan of a mixture: {error!r}", where=path, cure=cure) from error


def _progress(sums: MixtureNote, seconds: float) -> str:
    return f"{sums.rows:,} rows, {sums.tokens:,} tokens, {sums.tokens / max(seconds, 0.001):,.0f} tokens/s" if sums.tokens else ""
