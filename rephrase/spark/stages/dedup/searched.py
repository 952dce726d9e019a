"""The objects whose texts a search compares: of the run's own tables, and of the stores that earlier runs left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.minhash import MinhashSettings
from rephrase import storage
from rephrase.config.duplicates import Dedup
from rephrase.errors import UserError
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.dropped import DONE, duplicates_of, folders_of
from rephrase.spark.stages.ledger import stage_note
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

SIGNATURES = "signatures"  # below the folder of duplicates
EARLIER, ORIGINAL, REWRITE = range(3)  # who stays before whom


@dataclass(frozen=True, slots=True)
class Searched:
    """An object with texts, and the object with their signatures."""

    signatures: str
    standing: int
    settled: bool
    """Its texts have been compared with each other, and none of them goes."""
    path: str = ""
    """Empty for one of an earlier run, whose texts are not read."""
    out: tuple[str, ...] = ()
    """Folders that say which of its rows are not searched."""
    gone: str = ""
    """The object of what went as a duplicate in an earlier search."""


def searched_tables(table: Table) -> tuple[Table, ...]:
    """The tables whose texts are compared to find the duplicates of one."""
    return (Tables.DOCUMENTS,) if table is Tables.DOCUMENTS else (Tables.DOCUMENTS, table)


def signatures_folder(duplicates: str, settings: Dedup) -> str:
    """Where, in a folder of duplicates, the signatures are that compare with those of these settings: an object for each of the table."""
    return storage.join(duplicates, SIGNATURES, f"{settings.ngram}-{settings.bands}x{settings.rows}-{settings.seed}")


def searched_objects(run: Run, table: Table) -> list[Searched]:
    """All objects that a search reads, those of the table itself last.

    Raises `UserError` where the table is missing, or an earlier run that is named is this one or has no signatures that compare with ours.
    """
    assert run.dedup is not None
    objects_of(run.output, table)
    if run.output.rstrip("/") in (output.rstrip("/") for output in run.dedup.against):
        what = "`dedup.against` names the output of this run, whose texts are all equal to themselves"
        raise UserError(what, where=run.output, cure="name the output of another run, or take it out")
    searched = [here for output in run.dedup.against for here in _of_earlier(output, run.dedup)]
    for source in searched_tables(table):
        original = source is Tables.DOCUMENTS
        duplicates = duplicates_of(source).folder(run.output)
        out = folders_of(run, source)[:-1]  # the last says what a search finds
        for path in tables.objects(source.folder(run.output)):
            name = storage.name_of(path)
            settled = source is not table
            searched.append(
                Searched(
                    signatures=storage.join(signatures_folder(duplicates, run.dedup), name),
                    standing=ORIGINAL if original else REWRITE,
                    settled=settled,
                    path=path,
                    out=out,
                    gone=storage.join(duplicates, name) if settled else "",
                )
            )
    return searched


def _of_earlier(output: str, settings: Dedup) -> list[Searched]:
    searched = []
    for table in (Tables.DUPLICATE_DOCUMENTS, Tables.DUPLICATE_GENERATIONS):
        folder = table.folder(output)
        if next(storage.list_files(storage.join(folder, SIGNATURES)), None) is None:
            continue
        _check_settings(folder, settings)
        if not storage.exists(storage.join(folder, DONE)):
            raise UserError("the search for duplicates of this run has not finished", where=folder, cure="finish it first: run it again")
        for path in tables.objects(signatures_folder(folder, settings)):
            gone = storage.join(folder, storage.name_of(path))
            searched.append(Searched(signatures=path, standing=EARLIER, settled=True, gone=gone))
    if not searched:
        cure = "name the `output` of a run with a section `dedup`, of this version or a later one"
        raise UserError("`dedup.against` names a folder without signatures of an earlier search", where=output, cure=cure)
    return searched


def _check_settings(folder: str, settings: Dedup) -> None:
    """Raise a `UserError` where signatures were made in another way than ours."""
    theirs = {**Dedup().model_dump(), **stage_note(folder)["meaning"].get("dedup", {})}
    for name in MinhashSettings.model_fields:
        ours = getattr(settings, name)
        if theirs[name] != ours:
            what = f"signatures of an earlier run do not compare with ours: their `dedup.{name}` is {theirs[name]}, here it is {ours}"
            raise UserError(what, where=folder, cure=f"set `dedup.{name}: {theirs[name]}`, or leave this run out of `dedup.against`")


def signatures_of(searched: Searched) -> Iterator[pa.Table]:
    """The rows of the object of signatures whose texts are in the search, one row group after the other.

    `row` is that of the text, or of the signature where there is no text to read.
    """
    gone = tables.read(searched.gone, ["id"]).column("id") if searched.gone and storage.exists(searched.gone) else None
    first = 0
    for group in tables.read_row_groups(searched.signatures):
        rows = group
        if not searched.path:
            numbers = pa.array(np.arange(first, first + group.num_rows))
            rows = group.set_column(group.schema.get_field_index("row"), "row", numbers)
        first += group.num_rows
        yield rows if gone is None else rows.filter(pc.invert(pc.is_in(rows.column("id"), gone)))
