"""What each unit of the rewrite stage did, as a table: the notes of its objects, a row a unit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import orjson
import pyarrow as pa

from rephrase import storage
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.run_tables import check_there
from rephrase.storage import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
_ROWS = 1 << 16  # of a row group
_GROUP = 16 << 20  # bytes of the table that are read at once
UP_TO = b"rephrase.newest"
"""The key of the footer that has when the newest object was stored of which the table tells."""


def write_units(run: Run, path: str) -> None:
    """Write the notes of all units of the rewrite stage as a Parquet table, a row a unit. Raises `UserError` where there is none."""
    check_there(run.output, Tables.GENERATIONS)
    _write(path, tables.files(Tables.GENERATIONS.folder(run.output)), None)


def refresh_units(run: Run, path: str) -> None:
    """The same for a table that may be there already: only the notes of objects are read that are newer. Nothing where none is."""
    files = tables.files(Tables.GENERATIONS.folder(run.output))
    before = _Before.read(path)
    if before is None:
        _write(path, files, None)
    elif before.take(files):
        _write(path, before.new, before)


def _write(path: str, files: Iterable[storage.FileInfo], before: _Before | None) -> None:
    newest = before.newest if before else 0.0

    def noted() -> Iterator[storage.FileInfo]:
        nonlocal newest
        for file in files:
            newest = max(newest, file.modified)
            yield file

    writer = tables.Writer(UNIT)
    if before:
        for rows in tables.read_row_groups(path, size=_GROUP):
            writer.add(before.that_stay(rows))
    footers = tables.footers(noted(), GenerationsNote)
    while (rows := units_of(itertools.islice(footers, _ROWS))).num_rows:
        writer.add(rows)
    storage.put(path, writer.end({UP_TO.decode(): repr(newest)}))


class _Before:
    """The table as it is, and how the objects differ that are there now. A name takes eight bytes."""

    def __init__(self, names: NDArray[np.int64], newest: float) -> None:
        self._names, self.newest = names, newest
        self._stay = np.zeros(len(names), np.bool_)
        self.new: list[storage.FileInfo] = []

    @classmethod
    def read(cls, path: str) -> Self | None:
        """None where there is no table, or one that does not tell up to when."""
        try:
            with tables.opened(path) as file:
                newest = (file.metadata.metadata or {}).get(UP_TO)
            names = [_hashes(rows) for rows in tables.read_row_groups(path, ["object"], size=_GROUP)]
        except (FileNotFoundError, UserError):
            return None
        return None if newest is None else cls(np.concatenate([np.empty(0, np.int64), *names]), float(newest))

    def take(self, files: Iterable[storage.FileInfo]) -> bool:
        """See which objects are there. True where the table does not tell of them as they are."""
        order = np.argsort(self._names)
        names = self._names[order]
        for file in files:
            name = hash(storage.name_of(file.path))
            at = int(np.searchsorted(names, name))
            if at < len(names) and names[at] == name and file.modified < self.newest:
                self._stay[order[at]] = True
            else:
                self.new.append(file)
        unknown = [file for file in self.new if file.modified > self.newest]
        return bool(unknown) or int(self._stay.sum()) + len(self.new) != len(self._names)

    def that_stay(self, rows: pa.Table) -> pa.Table:
        """Those of some rows whose objects are as they were."""
        stay = np.sort(self._names[self._stay])
        return rows.filter(pa.array(np.isin(_hashes(rows), stay, assume_unique=True))) if len(stay) else rows.slice(0, 0)


def _hashes(rows: pa.Table) -> NDArray[np.int64]:
    return np.fromiter((hash(name) for name in rows.column("object").to_pylist()), np.int64, rows.num_rows)


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
