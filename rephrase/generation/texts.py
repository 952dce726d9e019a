"""A user's texts as rows of recipes: what documents take over from the columns of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from rephrase.errors import UserError
from rephrase.recipes.base import Recipe, Row
from rephrase.records import DOCUMENT, Document, content_id, require_columns
from rephrase.text.foreign import without_surrogates
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

KNOWN = ("source", "url", "language", "license", "n_tokens", "synthetic_depth", "metadata")
"""Columns of `DOCUMENT` that documents take over from a table which has them."""


def arrow_table(texts: Iterable[str] | pa.Table | pd.DataFrame, text: str) -> pa.Table:
    """Strings, an Arrow table or a pandas frame as a table. Raises `UserError` for anything else."""
    if isinstance(texts, pa.Table):
        return texts
    if hasattr(texts, "to_records"):  # a pandas frame; pandas itself is not asked, as it may not be loaded
        return pa.Table.from_pandas(texts, preserve_index=False)
    listed = None if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable) else list(texts)
    if listed is None or not all(isinstance(item, str) for item in listed):
        raise UserError("texts are a list of strings, an Arrow table or a pandas frame", where="rewrite", cure="for example [text]")
    return pa.table({text: pa.array([without_surrogates(item) for item in listed], pa.string())})


def known_columns(table: pa.Table, text: str, id: str | None, metadata: Sequence[str]) -> pa.Table:  # noqa: A002  # as in `rewrite`
    """What recipes can know of a user's rows: `text`, `id`, those of KNOWN that fit, and the columns of `metadata` by `metadata_column`.

    Raises `UserError` for a column that is not there.
    """
    require_columns(table.column_names, [text, id, *metadata], "rewrite")
    columns = {"text": table.column(text).cast(pa.string())}
    columns["id"] = table.column(id).cast(pa.string()) if id else pa.nulls(table.num_rows, pa.string())
    for name in KNOWN:
        if name in table.column_names and name != text and _fits(table.schema.field(name).type, DOCUMENT.field(name).type):
            columns[name] = table.column(name).cast(DOCUMENT.field(name).type)
    return pa.table({**columns, **{metadata_column(number): table.column(name).cast(pa.string()) for number, name in enumerate(metadata)}})


def metadata_column(number: int) -> str:
    """How the column is called that holds the user's metadata column of this number, whose own name Spark may not take."""
    return f"metadata_{number}"


def _fits(theirs: pa.DataType, ours: pa.DataType) -> bool:
    """Whether a column of the user's that is named as one of ours is likely to mean the same."""
    if pa.types.is_map(ours):
        return bool(theirs == ours)
    alike = (pa.types.is_integer,) if pa.types.is_integer(ours) else (pa.types.is_string, pa.types.is_large_string)
    return any(is_alike(theirs) for is_alike in alike)


def rows_of_texts(table: pa.Table, recipes: Sequence[Recipe], tokenizer: Tokenizer, metadata: Sequence[str]) -> list[Row]:
    """The rows of a table as `known_columns` gives it. Tokens are counted where the table has none and a recipe asks for them."""
    values = table.to_pydict()
    size = table.num_rows
    texts = [text or "" for text in values["text"]]
    counts = values.get("n_tokens")
    if counts is None and any(recipe.when for recipe in recipes):
        counts = tokenizer.count(texts)
    extra = [{name: values[metadata_column(number)][row] for number, name in enumerate(metadata)} for row in range(size)]
    maps = [dict(pairs or ()) for pairs in values.get("metadata", [()] * size)]
    names = [name for name in ("source", "url", "language", "license") if name in values]
    return [
        Row(
            Document(
                content_id(texts[row]) if values["id"][row] is None else values["id"][row],
                texts[row],
                n_tokens=(counts[row] or 0) if counts else 0,
                synthetic_depth=(values["synthetic_depth"][row] or 0) if "synthetic_depth" in values else 0,
                metadata={**maps[row], **{name: value for name, value in extra[row].items() if value is not None}},
                **{name: values[name][row] for name in names},
            )
        )
        for row in range(size)
    ]
