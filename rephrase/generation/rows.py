"""Rows of recipes: documents with what earlier steps made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rephrase.generation.step_run import generations_of
from rephrase.recipes.base import Row
from rephrase.records import Document, Generation
from rephrase.storage import tables

if TYPE_CHECKING:
    import pyarrow as pa


def rows_of(documents: pa.Table, earlier: dict[str, Sequence[str]]) -> list[Row]:
    """The rows of a step: documents with what earlier steps made of them, read from their objects."""
    columns = {name: documents.column(name).to_pylist() for name in documents.column_names}
    for name in ("metadata", "labels"):
        columns[name] = [dict(pairs or ()) for pairs in columns.get(name) or [()] * documents.num_rows]
    rows = [Row(Document(**dict(zip(columns, values, strict=True)))) for values in zip(*columns.values(), strict=True)]
    for step, paths in earlier.items():
        rows = [Row(row.document, {**row.earlier, step: []}) for row in rows]
        for path in paths:
            rows = with_generations(rows, step, tables.read(path))
    return rows


def with_generations(rows: Sequence[Row], step: str, table: pa.Table) -> list[Row]:
    """The rows with a step's generations added to those of their documents."""
    by_document: dict[str, list[Generation]] = {}
    for document_id, generation in generations_of(table):
        by_document.setdefault(document_id, []).append(generation)
    return [
        replace(row, earlier={**row.earlier, step: [*row.earlier.get(step, ()), *by_document.get(row.document.id, ())]}) for row in rows
    ]
