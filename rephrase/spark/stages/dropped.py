"""Which rows of a table are out: documents that screening rejected, and duplicates of what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.errors import UserError
from rephrase.records import KEEP
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.ledger import stage_note
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

DONE = "_clusters.json"  # written last where duplicates were searched


def duplicates_of(table: Table) -> Table:
    """The table that names the duplicates among documents, or among judged rows."""
    return Tables.DUPLICATE_DOCUMENTS if table is Tables.DOCUMENTS else Tables.DUPLICATE_GENERATIONS


def folders_of(run: Run, table: Table) -> tuple[str, ...]:
    """The folders whose objects say what is out of `documents` or `judged`, beside the objects of the same name."""
    return tuple(dropping.folder(run.output) for dropping in _dropping(run, table))


def _dropping(run: Run, table: Table) -> list[Table]:
    dropping = [Tables.SCREENED, Tables.DUPLICATE_DOCUMENTS] if table is Tables.DOCUMENTS else [Tables.DUPLICATE_GENERATIONS]
    return [verdicts for verdicts in dropping if verdicts.is_configured(run)]


def require(run: Run, table: Table) -> dict[str, str]:
    """The digests of what `folders_of` names. Raises `UserError` where that is not there or not finished."""
    digests = {}
    for dropping in _dropping(run, table):
        folder = dropping.folder(run.output)
        if dropping is Tables.SCREENED:
            missing = len(tables.objects(table.folder(run.output))) - len(tables.objects(folder))
        else:
            missing = int(not storage.exists(storage.join(folder, DONE)))
        if missing:
            what = f"the {dropping.maker} stage has not finished: {missing} objects are missing"
            raise UserError(what, where=folder, cure=dropping.make_first)
        digests[dropping.path.partition("/")[0]] = stage_note(folder)["digest"]
    return digests


def without_dropped(rows: pa.Table, path: str, folders: tuple[str, ...]) -> pa.Table:
    """The rows of the object at `path` that are not out, by their ids."""
    out = [ids for folder in folders for ids in _ids(storage.join(folder, storage.name_of(path)))]
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), pa.chunked_array(out, pa.string())))) if out else rows


def _ids(path: str) -> list[pa.Array]:
    if not storage.exists(path):  # no row of the object is out
        return []
    table = tables.read(path, ["id", "verdict"]) if f"/{Tables.SCREENED.path}/" in path else tables.read(path, ["id"])
    if "verdict" in table.column_names:
        table = table.filter(pc.not_equal(table.column("verdict"), KEEP))
    ids: list[pa.Array] = table.column("id").chunks
    return ids
