"""The filter stage as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase.spark.stages.base import Breakdown, Redo, Stage, Status, Tables
from rephrase.spark.stages.declarations.rewrite import passages_of
from rephrase.spark.stages.unit_notes import kept_and_rejected, sum_of_notes, unit_notes, units_of

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning


class FilterStage(Stage):
    """Generations to verdicts and scores."""

    table = Tables.JUDGED
    purpose = "generations to verdicts and scores"
    reads = (Tables.DOCUMENTS, Tables.GENERATIONS)

    @override
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        from rephrase.spark.stages.filter import filter_stage

        filter_stage(run, spark, replace=redo.replaced)

    @override
    def meaning(self, run: Run) -> Meaning:
        from classifiers.cascade import build_cascade
        from rephrase.recipes.catalogue import recipes_of
        from rephrase.spark.stages.filter import meaning_of

        return meaning_of(run, build_cascade(run.filter), recipes_of(run.recipes))

    @override
    def status(self, run: Run) -> Status:
        """A unit is an object of generations."""
        from rephrase.notes import JudgedNote

        done, sums = sum_of_notes(run.output, self.table, JudgedNote)
        return Status(done, units_of(run.output, Tables.GENERATIONS), f"{sums.kept:,} of {sums.judged:,} kept")

    @override
    def breakdown(self, run: Run) -> Breakdown | str:
        """What is kept of each recipe, and what rejected the rest."""
        from rephrase.notes import GenerationsNote, JudgedNote
        from rephrase.records import INTERMEDIATE
        from rephrase.spark.stages.cut import about_cut, cut_answers

        notes = unit_notes(run.output, self.table, JudgedNote)
        if not notes:
            return "nothing is judged yet: `rephrase run run.yaml` goes on"
        generated = unit_notes(run.output, Tables.GENERATIONS, GenerationsNote)
        passages = passages_of(generated)
        rows, remarks = [], []
        for recipe in sorted({note.recipe for note in notes}):
            sums = sum((note for note in notes if note.recipe == recipe), JudgedNote())
            kept, rejected = kept_and_rejected(sums.verdicts)
            on_the_way = sums.verdicts.get(INTERMEDIATE, 0)
            share = f"{kept:,} ({kept / max(sums.judged - on_the_way, 1):.0%})"
            if on_the_way:
                remarks.append(f"{recipe}: {on_the_way:,} of its generations prepare others and are no texts; kept is a share of the rest")
            rows.append((recipe, f"{passages[recipe]:,}", f"{sums.judged:,}", share, f"{sums.kept_tokens:,}", rejected))
        if cut := about_cut(run, cut_answers(run, generated, notes)):
            remarks.append(cut)
        if any(getattr(engine, "model", None) != run.tokenizer for engine in run.all_engines.by_name.values()):
            remarks.append("tokens kept are counted by the run's tokenizer, tokens written by the model's own: their numbers can differ")
        columns = ("recipe", "passages", "generations", "kept", "tokens kept", "rejected by")
        return Breakdown("Kept by recipe", columns, ("recipe", "rejected by"), rows, remarks=remarks)
