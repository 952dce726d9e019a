"""Where the rows of recipes come from: the documents of the run, or a table that a recipe makes for itself (personas, words, pools)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from rephrase import storage
from rephrase.names import DocumentsName, RowsName
from rephrase.notes import DocumentsNote, RowsNote
from rephrase.recipes.base import Recipe
from rephrase.records import DOCUMENT, Document
from rephrase.spark.stages.drawing import place_of
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.run_tables import documents_of
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run

_GROUP = 512  # rows of a row group, which is a unit of work


@dataclass(frozen=True, slots=True)
class Source:
    """Objects of rows, and the recipes (by their index in the run) that work on them."""

    footers: tuple[tables.Footer[DocumentsNote] | tables.Footer[RowsNote], ...]
    recipes: tuple[int, ...]


def sources_of(run: Run, recipes: Sequence[Recipe]) -> list[Source]:
    """The rows of all recipes. Tables that recipes make for themselves are written if they are not there.

    Raises `UserError` if a recipe needs documents and the shard stage has not finished.
    """
    grounded = tuple(index for index, recipe in enumerate(recipes) if recipe.rows is None)
    sources = [Source(tuple(tables.footers(documents_of(run), DocumentsNote)), grounded)] if grounded else []
    for index, recipe in enumerate(recipes):
        if recipe.rows is not None:
            sources.append(Source((tables.footer(_rows_object(run, recipe), RowsNote),), (index,)))
    return sources


def _rows_object(run: Run, recipe: Recipe) -> str:
    """The object that holds the rows of a recipe of its own."""
    assert recipe.rows is not None
    name = RowsName(recipe.name, digest(recipe.rows.describe())[:8])
    path = storage.join(run.output, "rows", str(name), str(DocumentsName(0)))
    if storage.exists(path):
        return path
    writer = tables.Writer(DOCUMENT)
    group_tokens: list[int] = []
    total = 0
    for group in own_rows(run, recipe, Tokenizer.load(run.tokenizer)):
        total += group.num_rows
        writer.add(group)
        group_tokens.append(sum(group.column("n_tokens").to_pylist()))
    writer.commit(path, RowsNote(documents=total, tokens=sum(group_tokens), row_group_tokens=tuple(group_tokens)))
    return path


def own_rows(run: Run, recipe: Recipe, tokenizer: Tokenizer) -> Iterator[pa.Table]:
    """The rows that a recipe makes for itself, as many as the run's limit allows; a table for each row group."""
    assert recipe.rows is not None
    documents = recipe.rows.documents()
    if run.limit is not None:
        documents = iter(heapq.nsmallest(run.limit.documents, documents, key=lambda document: place_of(document.id, run.limit)))
    while group := list(islice(documents, _GROUP)):
        tokens = tokenizer.count([document.text for document in group])
        rows = [{**_values(document), "n_tokens": count} for document, count in zip(group, tokens, strict=True)]
        yield pa.Table.from_pylist(rows, schema=DOCUMENT)


def _values(document: Document) -> dict[str, object]:
    values = {name: getattr(document, name) for name in DOCUMENT.names}
    return {**values, "metadata": list(document.metadata.items()), "labels": list(document.labels.items()) or None}
