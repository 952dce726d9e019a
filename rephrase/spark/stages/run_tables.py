"""The tables of a run, the stages that make them, and what to say where one is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.stages.ledger import stage_note
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

MAKERS = {"documents": "shard", "screened": "screen", "generations": "rewrite", "judged": "filter", "mixture": "mix"}
"""The stage that makes each table."""


def objects_of(output: str, table: str) -> list[str]:
    """The objects of a run's table. Raises `UserError` where there is none, with the stage to run first."""
    folder = storage.join(output, table)
    paths = tables.objects(folder)
    if not paths:
        stage = MAKERS[table]
        raise UserError(f"there is no {table} table", where=folder, cure=f"run the {stage} stage first: `rephrase {stage} run.yaml`")
    return paths


def check_begun(output: str) -> None:
    """Raise a `UserError` where no stage has run: an empty answer would not tell of a mistyped `output`."""
    if not any(next(storage.list_files(storage.join(output, table)), None) for table in MAKERS):
        cure = "check `output` in the config, or --output; `rephrase run run.yaml` begins a run"
        raise UserError("there is no run here, not even one that has begun", where=output, cure=cure)


def documents_of(run: Run) -> list[str]:
    """The objects of the documents table. Raises `UserError` if the shard stage has not finished."""
    folder = storage.join(run.output, "documents")
    paths = objects_of(run.output, "documents")
    expected = stage_note(folder)["meaning"].get("files", {}).get("count", len(paths))  # one object for each input file
    if len(paths) < expected:
        what = f"only {len(paths)} of {expected} objects of the documents table are there"
        raise UserError(what, where=folder, cure="run the shard stage first: `rephrase shard run.yaml`")
    return paths
