"""Which rows of a table are out: documents that screening rejected, and duplicates of what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.errors import UserError
from rephrase.records import KEEP
from rephrase.spark.stages.ledger import stage_note
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

SCREENED = "screened"
DUPLICATES = "duplicates"  # holds a folder for each table that was searched
DONE = "_clusters.json"  # written last into such a folder


def folders_of(run: Run, table: str) -> tuple[str, ...]:
    """The folders whose objects say what is out of `documents` or `judged`, beside the objects of the same name."""
    screened = (storage.join(run.output, SCREENED),) if run.screen and table == "documents" else ()
    duplicates = (storage.join(run.output, DUPLICATES, table),) if run.dedup else ()
    return screened + duplicates


def require(run: Run, table: str) -> dict[str, str]:
    """The digests of what `folders_of` names. Raises `UserError` where that is not there or not finished."""
    digests = {}
    for folder in folders_of(run, table):
        stage = "screen" if table == "documents" else "dedup"
        cure = f"run the {stage} stage first: `rephrase {stage} run.yaml`"
        if folder.endswith(f"/{SCREENED}"):
            missing = len(tables.objects(storage.join(run.output, "documents"))) - len(tables.objects(folder))
        else:
            missing = int(not storage.exists(storage.join(folder, DONE)))
        if missing:
            raise UserError(f"the {stage} stage has not finished: {missing} objects are missing", where=folder, cure=cure)
        digests[storage.name_of(folder) if folder.endswith(SCREENED) else DUPLICATES] = stage_note(folder)["digest"]
    return digests


def without_dropped(rows: pa.Table, path: str, folders: tuple[str, ...]) -> pa.Table:
    """The rows of the object at `path` that are not out, by their ids."""
    out = [ids for folder in folders for ids in _ids(storage.join(folder, storage.name_of(path)))]
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), pa.chunked_array(out, pa.string())))) if out else rows


def _ids(path: str) -> list[pa.Array]:
    if not storage.exists(path):  # no row of the object is out
        return []
    table = tables.read(path, ["id", "verdict"]) if f"/{SCREENED}/" in path else tables.read(path, ["id"])
    if "verdict" in table.column_names:
        table = table.filter(pc.not_equal(table.column("verdict"), KEEP))
    found: list[pa.Array] = table.column("id").chunks
    return found
