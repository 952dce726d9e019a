"""A user's texts as rows of recipes: what documents take over from the columns of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from rephrase.errors import UserError
from rephrase.readers.arrow_values import value_of
from rephrase.readers.fields import as_string
from rephrase.recipes.base import Recipe, Row
from rephrase.records import DOCUMENT, MAX_DEPTH, Document, content_id, require_columns
from rephrase.text.foreign import storable, without_surrogates
from rephrase.text.tokenizer import Tokenizer, count_each

if TYPE_CHECKING:
    import pandas as pd

KNOWN = ("source", "url", "language", "license", "n_tokens", "synthetic_depth", "metadata", "labels")
"""Columns of `DOCUMENT` that documents take over from a table which has them."""


def arrow_table(texts: Iterable[str] | pa.Table | pd.DataFrame, text: str) -> pa.Table:
    """Strings, an Arrow table or a pandas frame as a table. Raises `UserError` for anything else."""
    if isinstance(texts, pa.Table):
        return texts
    if hasattr(texts, "to_records"):  # a pandas frame; pandas itself is not asked, as it may not be loaded
        frame: Any = texts
        names = [str(name) for name in frame.columns]
        return pa.Table.from_arrays([_array(frame.iloc[:, number]) for number in range(len(names))], names)
    listed = None if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable) else list(texts)
    if listed is None or not all(isinstance(item, str) for item in listed):
        raise UserError("texts are a list of strings, an Arrow table or a pandas frame", where="rewrite", cure="for example [text]")
    return pa.table({text: _array([without_surrogates(item) for item in listed])})


def _array(values: Any) -> pa.Array[Any]:
    """Values of any kind as an array: as strings where they are of several kinds, or no text that Arrow takes."""
    try:
        return pa.array(values, from_pandas=True)
    except Exception:  # noqa: BLE001  # whatever pandas holds
        return pa.array([None if value is None else storable(as_string(value)) for value in values], pa.string())


def known_columns(table: pa.Table, text: str, id: str | None, metadata: Sequence[str]) -> pa.Table:  # noqa: A002  # as in `rewrite`
    """What recipes can know of a user's rows: `text`, `id`, those of KNOWN that fit, and the columns of `metadata` by `metadata_column`.

    Raises `UserError` for a column that is not there, is there twice, or holds what it cannot.
    """
    known = [name for name in KNOWN if name in table.column_names and name != text]
    require_columns(table.column_names, [text, id, *metadata, *known], "rewrite")
    kind = table.schema.field(text).type
    if pa.types.is_nested(kind):
        raise UserError(f"the column `{text}` holds {kind}, no texts", where="rewrite", cure="name a column of strings")
    columns = {"text": _strings(table.column(text))}
    columns["id"] = _strings(table.column(id)) if id else pa.nulls(table.num_rows, pa.string())
    for name in known:
        if _fits(table.schema.field(name).type, DOCUMENT.field(name).type):
            columns[name] = _as(table.column(name), name)
    return pa.table({**columns, **{metadata_column(number): _strings(table.column(name)) for number, name in enumerate(metadata)}})


def _strings(column: pa.ChunkedArray[Any]) -> Any:
    """A column as text, whatever it holds."""
    try:
        if not isinstance(column.type, pa.BaseExtensionType):  # which would give their storage
            return column.cast(pa.string())
    except pa.ArrowException:  # lists, objects, bytes that are not UTF-8, unknown time zones
        pass
    values = (value_of(value) for value in column)
    return pa.array([None if value is None else storable(as_string(value)) for value in values], pa.string())


def _as(column: pa.ChunkedArray[Any], name: str) -> Any:
    """A column as the documents' column of this name. Raises `UserError` for numbers that are none of these."""
    depths = pa.compute.max(pa.compute.abs_checked(column)).as_py() if name == "synthetic_depth" and len(column) else 0
    if (depths or 0) > MAX_DEPTH:
        raise UserError(f"the column `{name}` holds {depths}", where="rewrite", cure=f"depths are at most {MAX_DEPTH:,}")
    try:
        return column.cast(DOCUMENT.field(name).type)
    except pa.ArrowException as error:
        raise UserError(
            f"the column `{name}` is no {DOCUMENT.field(name).type}: {error}", where="rewrite", cure="mend or rename it"
        ) from error


def metadata_column(number: int) -> str:
    """How the column is called that holds the user's metadata column of this number, whose own name Spark may not take."""
    return f"metadata_{number}"


def _fits(theirs: pa.DataType, ours: pa.DataType) -> bool:
    """Whether a column of the user's that is named as one of ours is likely to mean the same."""
    if pa.types.is_map(ours):
        return bool(theirs == ours)
    alike = (pa.types.is_integer,) if pa.types.is_integer(ours) else (pa.types.is_string, pa.types.is_large_string)
    return any(is_alike(theirs) for is_alike in alike)


def _values(column: pa.ChunkedArray[Any]) -> list[Any]:
    """The values of a column, with bytes that are no UTF-8 replaced: Spark takes them for strings."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return [_decoded(value_of(value)) for value in column]


def _decoded(value: Any) -> Any:
    if isinstance(value, list):  # the pairs of a map
        return [(_decoded(key), _decoded(item)) for key, item in value]
    return storable(value.decode(errors="replace")) if isinstance(value, bytes) else value


def rows_of_texts(table: pa.Table, recipes: Sequence[Recipe], tokenizer: Tokenizer, metadata: Sequence[str]) -> list[Row]:
    """The rows of a table as `known_columns` gives it. Tokens are counted where the table has none and a recipe asks for them."""
    values = {name: _values(table.column(name)) for name in table.column_names}
    size = table.num_rows
    texts = [text or "" for text in values["text"]]
    counts = values.get("n_tokens")
    if counts is None and any(recipe.when for recipe in recipes):
        counts = count_each(tokenizer, texts)
    extra = [{name: values[metadata_column(number)][row] for number, name in enumerate(metadata)} for row in range(size)]
    maps = [dict(pairs or ()) for pairs in values.get("metadata", [()] * size)]
    labels = [dict(pairs or ()) for pairs in values.get("labels", [()] * size)]
    names = [name for name in ("source", "url", "language", "license") if name in values]
    return [
        Row(
            Document(
                content_id(texts[row]) if values["id"][row] is None else values["id"][row],
                texts[row],
                n_tokens=(counts[row] or 0) if counts else 0,
                synthetic_depth=(values["synthetic_depth"][row] or 0) if "synthetic_depth" in values else 0,
                metadata={**maps[row], **{name: value for name, value in extra[row].items() if value is not None}},
                labels=labels[row],
                **{name: values[name][row] for name in names},
            )
        )
        for row in range(size)
    ]
