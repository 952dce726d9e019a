"""The objects whose texts a search compares: of the run's own tables, and of the stores that earlier runs left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.dropped import duplicates_of, folders_of
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

SIGNATURES = "signatures"  # below the folder of duplicates: an object for each of the table, with all texts that were searched
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


def searched_objects(run: Run, table: Table) -> list[Searched]:
    """All objects that a search reads, those of the table itself last. Raises `UserError` where the table is missing."""
    objects_of(run.output, table)
    searched = []
    for source in searched_tables(table):
        original = source is Tables.DOCUMENTS
        duplicates = duplicates_of(source).folder(run.output)
        out = folders_of(run, source)[:-1]  # the last says what a search finds
        for path in tables.objects(source.folder(run.output)):
            name = storage.name_of(path)
            settled = source is not table
            searched.append(
                Searched(
                    signatures=storage.join(duplicates, SIGNATURES, name),
                    standing=ORIGINAL if original else REWRITE,
                    settled=settled,
                    path=path,
                    out=out,
                    gone=storage.join(duplicates, name) if settled else "",
                )
            )
    return searched


def signatures_of(searched: Searched) -> Iterator[pa.Table]:
    """The rows of the object of signatures whose texts are in the search, one row group after the other."""
    gone = tables.read(searched.gone, ["id"]).column("id") if searched.gone and storage.exists(searched.gone) else None
    for rows in tables.read_row_groups(searched.signatures):
        yield rows if gone is None else rows.filter(pc.invert(pc.is_in(rows.column("id"), gone)))
