"""Rows of recipes: documents with what earlier steps made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rephrase.generation.step_run import generations_of
from rephrase.recipes.base import Row
from rephrase.records import Document, Generation
from rephrase.storage import tables

if TYPE_CHECKING:
    import pyarrow as pa


def rows_of(documents: pa.Table, earlier: dict[str, Sequence[str]]) -> list[Row]:
    """The rows of a step: documents with what earlier steps made of them, read from their objects."""
    rows = [Row(Document(**values)) for values in map(_with_mappings, documents.to_pylist())]
    for step, paths in earlier.items():
        rows = [Row(row.document, {**row.earlier, step: []}) for row in rows]
        for path in paths:
            rows = with_generations(rows, step, tables.read(path))
    return rows


def _with_mappings(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, **{name: dict(values.get(name) or {}) for name in ("metadata", "labels")}}


def with_generations(rows: Sequence[Row], step: str, table: pa.Table) -> list[Row]:
    """The rows with a step's generations added to those of their documents."""
    by_document: dict[str, list[Generation]] = {}
    for document_id, generation in generations_of(table):
        by_document.setdefault(document_id, []).append(generation)
    return [
        replace(row, earlier={**row.earlier, step: [*row.earlier.get(step, ()), *by_document.get(row.document.id, ())]}) for row in rows
    ]
