"""The objects of a run's tables, and what to say where one is missing."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.base import Table, Tables
from rephrase.spark.stages.ledger import stage_note
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run


def objects_of(output: str, table: Table) -> list[str]:
    """The objects of a run's table. Raises `UserError` where there is none, with the stage to run first."""
    folder = table.folder(output)
    paths = tables.objects(folder)
    if not paths:
        raise _missing(folder, table)
    return paths


def _missing(folder: str, table: Table) -> UserError:
    return UserError(f"there is no {table.path} table", where=folder, cure=table.make_first)


def check_there(output: str, table: Table) -> None:
    """Raise the same where a table has no object, without listing all of them."""
    folder = table.folder(output)
    if next(tables.files(folder), None) is None:
        raise _missing(folder, table)


def check_begun(output: str, config: str = "") -> None:
    """Raise a `UserError` where no stage has run: an empty answer would not tell of a mistyped `output`.

    `config`: the run's own, where a command takes several and no `--output`.
    """
    if not any(next(storage.list_files(table.folder(output)), None) for table in Tables.all()):
        cure = "check `output` in the config, or --output; `rephrase run run.yaml` begins a run"
        if config:
            cure = f"check `output` in {config}; `rephrase run {shlex.quote(config)}` begins it"
        raise UserError("there is no run here, not even one that has begun", where=output, cure=cure)


def documents_of(run: Run) -> list[str]:
    """The objects of the documents table. Raises `UserError` if the shard stage has not finished."""
    folder = Tables.DOCUMENTS.folder(run.output)
    paths = objects_of(run.output, Tables.DOCUMENTS)
    files = stage_note(folder)["meaning"].get("files", {})
    expected = files.get("units", files.get("count", len(paths)))  # one object for each input file, unless it says how many there are
    if len(paths) < expected:
        what = f"only {len(paths)} of {expected} objects of the documents table are there"
        raise UserError(what, where=folder, cure=Tables.DOCUMENTS.make_first)
    return paths
