"""The tables of a run, the stages that make them, and what to say where one is missing."""

from __future__ import annotations

from rephrase import storage, tables
from rephrase.errors import UserError

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
