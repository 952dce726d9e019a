"""The screen stage as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.spark.stages.base import Figure, Redo, Stage, Status, Tables
from rephrase.spark.stages.unit_notes import kept_and_rejected, sum_of_notes, units_of

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning


class ScreenStage(Stage):
    """Documents to verdicts."""

    table = Tables.SCREENED
    purpose = "documents to verdicts (section `screen`)"
    reads = (Tables.DOCUMENTS,)

    @override
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        from rephrase.spark.stages.screen import screen

        del redo
        screen(run, spark)

    @override
    def meaning(self, run: Run) -> Meaning:
        from rephrase.spark.stages.screen import meaning_of, screening

        return meaning_of(run, screening(run))

    @override
    def status(self, run: Run) -> Status:
        """A unit is an object of documents."""
        from rephrase.notes import ScreenedNote

        done, sums = sum_of_notes(run.output, self.table, ScreenedNote)
        return Status(done, units_of(run.output, Tables.DOCUMENTS), f"{sums.kept:,} of {sums.screened:,} kept")

    @override
    def figures(self, run: Run) -> list[Figure]:
        """Documents kept, and what rejected the others."""
        from rephrase.notes import ScreenedNote

        _, sums = sum_of_notes(run.output, self.table, ScreenedNote)
        kept, rejected = kept_and_rejected(sums.verdicts)
        reasons = f"; rejected by {rejected}" if rejected else ""
        return [Figure("screened", f"{kept:,}", f"kept of {sums.screened:,}{reasons}")]
