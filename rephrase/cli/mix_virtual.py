"""`rephrase mix --virtual`: a mixture that is an index over the texts of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase.cli.mix_tables import print_plan
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.mix.virtual import FOLDER, virtual_mix
from rephrase.spark.stages.pipeline import check_verdicts, commands

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession


def mix_virtually(run: Run, spark: LazySession) -> None:
    """Make the index where it is not there, write the manifest, and print what it gives."""
    [stage] = commands()["mix"]
    check_verdicts(stage, run)
    plan = virtual_mix(run, spark)
    print_plan(run.mix, plan)
    console.print(
        f"mix: {run.output.rstrip('/')}/{FOLDER} is read by `rephrase.loading`; its manifest.json holds phases and shares", soft_wrap=True
    )
