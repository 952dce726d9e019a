"""What each unit of the rewrite stage did, as a table: the notes of its objects, a row a unit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from rephrase import storage
from rephrase.notes import GenerationsNote
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.run_tables import objects_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

UNIT = pa.schema(
    [
        ("object", pa.string()),
        ("recipe", pa.string()),
        ("step", pa.string()),
        ("model", pa.string()),  # empty where an earlier version did not tell
        ("generations", pa.int64()),
        ("errors", pa.int64()),
        ("requests", pa.int64()),
        ("retried", pa.int64()),
        ("reused", pa.int64()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("reasoning_tokens", pa.int64()),  # of these
        ("started", pa.float64()),  # Unix time, seconds
        ("ended", pa.float64()),
        ("host", pa.string()),
        ("server", pa.string()),  # the vLLM server, null for other engines
        ("attempt", pa.int32()),  # how often Spark had started the task before
        ("round", pa.int32()),  # how often the unit was made again for its errors
        ("causes", pa.string()),  # JSON: errors by code
    ]
)
"""A row for each unit of the rewrite stage."""

_TOGETHER = 1024  # notes held as Python objects, each of which takes about 2 KB


def write_units(run: Run, path: str) -> None:
    """Write the notes of all units of the rewrite stage as a Parquet table, a row a unit. Raises `UserError` where there is none."""
    storage.put(path, tables.encode(units_of(tables.footers(objects_of(run.output, Tables.GENERATIONS), GenerationsNote))))


def units_of(footers: Iterable[tables.Footer[GenerationsNote]]) -> pa.Table:
    """Notes of rewrite units as a table (see `UNIT`)."""
    rows = (_row(footer) for footer in footers)
    parts = iter(lambda: list(itertools.islice(rows, _TOGETHER)), [])
    return pa.Table.from_batches((pa.RecordBatch.from_pylist(part, schema=UNIT) for part in parts), UNIT)


def _row(footer: tables.Footer[GenerationsNote]) -> dict[str, Any]:
    note = footer.note
    return {
        **{name: getattr(note, name, None) for name in UNIT.names},
        "object": storage.name_of(footer.path),
        "server": note.engine.server,
        "causes": orjson.dumps(note.causes).decode(),
    }
