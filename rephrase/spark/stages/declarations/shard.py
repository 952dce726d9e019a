"""The shard stage as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from rephrase import storage
from rephrase.live.words import counted
from rephrase.spark.stages.base import Figure, Redo, Stage, Status, Tables
from rephrase.spark.stages.unit_notes import sum_of_notes

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import DocumentsNote
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning

_FLAWS = {"cut": "whose body ends early", "stripped": "too intricate for the extractor, stripped of their tags"}


class ShardStage(Stage):
    """Raw web files to documents."""

    table = Tables.DOCUMENTS
    purpose = "raw web files to the documents table"

    @override
    def run(self, run: Run, spark: LazySession, redo: Redo) -> None:
        from rephrase.spark.stages.shard.stage import shard

        del redo
        shard(run, spark)

    @override
    def meaning(self, run: Run) -> Meaning:
        from rephrase.spark.stages.input_table.files import known_files
        from rephrase.spark.stages.shard.plan import input_files, input_of, units_of_input
        from rephrase.spark.stages.shard.stage import meaning_of

        config = input_of(run)
        files = known_files(run, config) if config.table else input_files(config.paths, run.output)
        return meaning_of(run, files, units_of_input(run, files))

    @override
    def status(self, run: Run) -> Status:
        """A unit is what one task reads: an input file, a part of a large one, or several small ones."""
        from rephrase.notes import DocumentsNote
        from rephrase.spark.stages.ledger import note_of

        done, sums = sum_of_notes(run.output, self.table, DocumentsNote)
        files = note_of(self.table.folder(run.output)).get("meaning", {}).get("files", {})
        return Status(
            done, files.get("units", files.get("count")), f"{counted(sums.documents, 'document')}, {counted(sums.tokens, 'token')}"
        )

    @override
    def figures(self, run: Run) -> list[Figure]:
        """Documents, what was dropped, what could not be read, and that these are all records."""
        from rephrase.notes import DocumentsNote
        from rephrase.spark.stages.shard.dropped import dropped_in_words

        _, sums = sum_of_notes(run.output, self.table, DocumentsNote)
        return [
            Figure("documents", f"{sums.documents:,}", f"{sums.tokens:,} tokens"),
            Figure("", "", f"dropped: {dropped_in_words(sums, 'duplicate')}"),
            *_account(sums),
            *_scrubbed(sums),
            *_flaws(sums),
            *_read_errors(storage.join(run.output, "errors")),
        ]


def _account(sums: DocumentsNote) -> list[Figure]:
    """What became of the records, which earlier versions did not count."""
    if not sums.records:
        return []
    dropped = sum(sums.dropped.values())
    became = f"{counted(sums.documents, 'document')} + {dropped:,} dropped + {counted(sums.errors, 'read error')}"
    text = f"{counted(sums.records, 'record')} in = {became}"
    uncounted = sums.documents + dropped + sums.errors - sums.records
    return [Figure("", "", f"{text}, {uncounted:,} of them from files that an earlier version read" if uncounted else text)]


def _scrubbed(sums: DocumentsNote) -> list[Figure]:
    kinds = [f"{count:,} {kind}" for kind, count in sums.scrubbed.items()]
    return [Figure("", "", f"personal data replaced: {', '.join(kinds)}")] if kinds else []


def _flaws(sums: DocumentsNote) -> list[Figure]:
    flaws = [f"{count:,} {_FLAWS.get(reason, reason)}" for reason, count in sums.flaws.items()]
    return [Figure("", "", f"read in part: {', '.join(flaws)}")] if flaws else []


def _read_errors(folder: str) -> list[Figure]:
    from rephrase.notes import ErrorsNote
    from rephrase.storage import tables

    paths = tables.objects(folder)
    errors = sum((footer.note for footer in tables.footers(paths, ErrorsNote)), ErrorsNote()).errors
    if not errors:
        return []
    first = tables.read(paths[0]).to_pylist()[0]
    example = f"{storage.name_of(first['file'])}, {first['unit']} {first['offset']:,}: {first['reason']}"
    return [Figure("", "", f"{errors:,} read errors, such as {example}; all in {folder}")]
