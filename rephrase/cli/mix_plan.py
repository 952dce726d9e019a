"""`rephrase mix --plan`: the mixture that the mix stage would make, with nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.cli.console import print_json
from rephrase.cli.mix_tables import plan_as_json, print_material, print_plan
from rephrase.errors import UserError
from rephrase.mixing.targets import NoTextError
from rephrase.mixing.unmixed import unmixed_notice
from rephrase.recipes.catalogue import recipes_of
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.measuring import measure
from rephrase.spark.stages.mix.planning import make_plan
from rephrase.spark.stages.mix.rejections import explained
from rephrase.spark.stages.mix.stitched import passing_stitched
from rephrase.spark.stages.pipeline import check_verdicts, commands

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession


def show_plan(run: Run, spark: LazySession, *, as_json: bool = False) -> None:
    """Print the mixture that `mix` would make, from ids, tokens and labels alone, and leave nothing behind.

    Verdicts of another config are planned with, and told.

    Raises what `mix` would raise; what material there is has then been printed.
    """
    [stage] = commands()["mix"]
    try:
        check_verdicts(stage, run)
    except UserError as error:  # what the checks as they are now would keep is known when they have judged
        console.print(f"mix: planned from verdicts of another config: {error.line()}", soft_wrap=True)
    if unmixed := unmixed_notice(run.mix, [recipe.name for recipe in recipes_of(run.recipes)]):
        console.print(f"mix: {unmixed}", soft_wrap=True)
    inputs = find_inputs(run)
    folder = Tables.MIXTURE.folder(run.output)
    with open_job(spark.get(), folder) as job, passing_stitched(run.mix, inputs, job, folder) as inputs:
        material = measure(run.mix, inputs, job)
        try:
            plan, _ = make_plan(run.mix, inputs, job, material)
        except UserError as error:
            if not as_json:
                print_material(run.mix, material)
            raise explained(error, run) if isinstance(error, NoTextError) else error from None
    if as_json:
        print_json(plan_as_json(run.mix, plan))
    else:
        print_plan(run.mix, plan)
