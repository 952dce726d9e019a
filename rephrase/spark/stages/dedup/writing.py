"""The object that says which rows of an object are duplicates, and of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rephrase.notes import DuplicatesNote
from rephrase.records import DUPLICATE
from rephrase.storage import tables


def write_duplicates(path: str, rows: Sequence[Mapping[str, Any]]) -> DuplicatesNote:
    """Store rows of `duplicates` as one object unless it is there, by their ids. Returns its note."""
    table = pa.Table.from_pylist([{name: row[name] for name in DUPLICATE.names} for row in rows], schema=DUPLICATE).sort_by("id")
    methods = table.column("method").to_pylist()
    note = DuplicatesNote(
        duplicates=table.num_rows,
        kept=len(set(table.column("kept_id").to_pylist()) - {None}),
        semantic=methods.count("semantic"),
        bloom=methods.count("bloom"),
    )
    tables.commit(path, table, note)
    return note
