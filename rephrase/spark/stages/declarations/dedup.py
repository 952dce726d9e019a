"""The two searches for near duplicates as objects: among documents, before they are rewritten, and among what is kept after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from rephrase import storage
from rephrase.names import PARQUET
from rephrase.spark.stages.base import Figure, Redo, Stage, Status, Table, Tables
from rephrase.spark.stages.unit_notes import sum_of_notes, units_of

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import DuplicatesNote
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning


class _DedupStage(Stage):
    """A table to the duplicates among its rows."""

    among: ClassVar[Table]
    rows: ClassVar[str]  # what its rows are
    endings = (PARQUET, ".json")  # objects without duplicates have no object of them

    @override
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        from rephrase.spark.stages.dedup.stage import find_duplicates

        find_duplicates(run, spark, self.among, replace=redo.replaced and self.table.replaceable)

    @override
    def meaning(self, run: Run) -> Meaning:
        from rephrase.spark.stages.dedup.stage import meaning_of

        return meaning_of(run, self.among)

    @override
    def status(self, run: Run) -> Status:
        """A unit is an object to search; all are done at once."""
        from rephrase.spark.stages.dedup.searched import searched_tables
        from rephrase.spark.stages.dropped import DONE

        objects = units_of(run.output, *searched_tables(self.among))
        if not storage.exists(storage.join(self.table.folder(run.output), DONE)):
            return Status(0, objects)
        note = self._note(run)
        by_meaning = f", {note.semantic:,} of them by meaning" if note.semantic else ""
        return Status(objects, objects, f"{note.duplicates:,} near duplicates among {self.rows}{by_meaning}")

    @override
    def figures(self, run: Run) -> list[Figure]:
        """How many rows are out, and by what."""
        note = self._note(run)
        parts = {"that say the same in other words": note.semantic, "by n-grams that were seen before": note.bloom}
        told = [Figure("", f"{count:,}", f"of these {text}") for text, count in parts.items() if count]
        return [Figure("near duplicates", f"{note.duplicates:,}", self.rows), *told]

    def _note(self, run: Run) -> DuplicatesNote:
        from rephrase.notes import DuplicatesNote

        return sum_of_notes(run.output, self.table, DuplicatesNote)[1]


class DedupDocumentsStage(_DedupStage):
    """Documents to the near duplicates among them."""

    table = Tables.DUPLICATE_DOCUMENTS
    purpose = "near duplicates among documents (section `dedup`)"
    reads = (Tables.DOCUMENTS, Tables.SCREENED)
    among = Tables.DOCUMENTS
    rows = "documents"


class DedupStage(_DedupStage):
    """Kept generations to the near duplicates among them and of documents."""

    table = Tables.DUPLICATE_GENERATIONS
    purpose = "near duplicates among kept generations and documents (section `dedup`)"
    reads = (Tables.DOCUMENTS, Tables.SCREENED, Tables.DUPLICATE_DOCUMENTS, Tables.JUDGED)
    among = Tables.JUDGED
    rows = "generations"
