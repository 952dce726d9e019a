"""The mix stage as an object."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.names import ARROWS, PARQUET
from rephrase.spark.stages.base import Breakdown, Redo, Stage, Status, Tables
from rephrase.spark.stages.unit_notes import sum_of_notes

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning

REPLACES = "`rephrase mix run.yaml --replace` makes the mixture again by the config as it is now"


class MixStage(Stage):
    """Originals and kept generations to the mixture."""

    table = Tables.MIXTURE
    purpose = "originals and kept generations to the mixture"
    reads = (
        Tables.DOCUMENTS,
        Tables.SCREENED,
        Tables.DUPLICATE_DOCUMENTS,
        Tables.GENERATIONS,
        Tables.JUDGED,
        Tables.DUPLICATE_GENERATIONS,
    )
    endings = (PARQUET, ARROWS)  # the second are handed on within the stage

    @override
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        from rephrase.spark.stages.mix.stage import mix

        mix(run, spark, replace=redo.replaced)

    @override
    def meaning(self, run: Run) -> Meaning:
        from rephrase.spark.stages.mix.inputs import find_inputs
        from rephrase.spark.stages.mix.stage import meaning_of

        return meaning_of(run, find_inputs(run))

    @override
    def status(self, run: Run) -> Status:
        """A unit is a file of the mixture, of which there are none before it is planned."""
        from rephrase.notes import MixtureNote
        from rephrase.spark.stages.mix.exchange import Exchange
        from rephrase.spark.stages.mix.inputs import find_inputs
        from rephrase.spark.stages.mix.manifest import is_complete
        from rephrase.spark.stages.mix.stage import plan_of
        from rephrase.spark.stages.mix.stitched import located

        folder = self.table.folder(run.output)
        (done, sums), plan = sum_of_notes(run.output, self.table, MixtureNote), plan_of(folder)
        if plan is None:
            return Status(done)
        files, text = sum(plan.files), f"{sums.tokens:,} of {plan.tokens:,} tokens"
        if is_complete(folder):
            return Status(done, files, f"{text}, complete")
        if done < files:
            with contextlib.suppress(UserError):  # tables that have changed, which the next run will refuse
                exchange = Exchange.of(folder, located(run.mix, find_inputs(run), folder), run.mix, plan)
                text += f"; exchange: {len(exchange.stored()):,} of {exchange.packs:,} units"
        return Status(done, files, text)

    @override
    def breakdown(self, run: Run) -> Breakdown | str:
        """The shares of the mixture's components."""
        from rephrase.mixing.shortfall import share_notes
        from rephrase.spark.stages.mix.manifest import is_complete, mixture_manifest
        from rephrase.spark.stages.mix.rejections import nothing_kept
        from rephrase.spark.stages.mix.stage import is_of_another_config, plan_of

        folder = self.table.folder(run.output)
        if not is_complete(folder):
            # One that was refused for what the config asks leaves nothing behind that would tell so.
            return "there is no finished mixture yet: `rephrase run run.yaml` makes it, or says what has to change first"
        manifest = mixture_manifest(folder)
        tokens_of: dict[int, int] = {}
        for component in manifest["components"]:
            tokens_of[component["phase"]] = tokens_of.get(component["phase"], 0) + component["tokens"]
        rows = []
        for component in manifest["components"]:
            name = component["name"] + (f", phase {component['phase'] + 1}" if manifest["files"][-1]["phase"] else "")
            share = component["tokens"] / max(tokens_of[component["phase"]], 1)
            rows.append((name, f"{component['rows']:,}", f"{component['tokens']:,}", f"{share:.1%}", f"{component['share']:.1%}"))
        all_of_them = ("all", f"{manifest['rows']:,}", f"{manifest['tokens']:,}", "", "")
        columns = ("component", "rows", "tokens", "share", "asked for")
        title, plan = f"Mixture in {folder}", plan_of(folder)
        remarks = share_notes(run.mix, plan.components) if plan else []
        if warning := nothing_kept(run):
            remarks = [warning, *remarks]
        if is_of_another_config(run):
            title, remarks = f"{title}, of an earlier config or version and not replaced", [REPLACES]
        return Breakdown(title, columns, ("component",), rows, all_of_them, remarks)
