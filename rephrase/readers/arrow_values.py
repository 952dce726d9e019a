"""Rows of Arrow as Python values, also where Python cannot hold them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Exception]:
    """The rows of a batch, or what a row raised. What Python cannot hold, such as a day after the year 9999, is text."""
    try:
        rows = batch.to_pylist()
    except Exception:  # noqa: BLE001  # one value is enough, and types raise what they like
        yield from (_row(batch, number) for number in range(batch.num_rows))
    else:
        yield from rows


def _row(batch: pa.RecordBatch, number: int) -> dict[str, Any] | Exception:
    try:
        return {name: value_of(column[number]) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    except Exception as error:  # noqa: BLE001  # a foreign value may raise anything
        return error


def value_of(scalar: pa.Scalar[Any]) -> Any:
    """The value of a scalar, with text in place of what Python cannot hold, and bytes in place of text that is not UTF-8."""
    try:
        return scalar.as_py()
    except Exception:  # noqa: BLE001  # overflow, unknown time zones, bytes that are no text, and what else types may raise
        return _otherwise(scalar)


def _otherwise(scalar: Any) -> Any:
    import pyarrow as pa

    if isinstance(scalar, pa.StructScalar):
        return {name: value_of(value) for name, value in scalar.items()}
    if isinstance(scalar, pa.MapScalar):
        return [(value_of(pair["key"]), value_of(pair["value"])) for pair in scalar.values]
    if isinstance(scalar, pa.ListScalar):
        return [value_of(value) for value in scalar.values]
    if isinstance(scalar, pa.DictionaryScalar | pa.ExtensionScalar):
        return value_of(scalar.value)
    if isinstance(scalar, pa.StringScalar):
        return scalar.as_buffer().to_pybytes()
    if isinstance(scalar, pa.TimestampScalar):
        scalar = scalar.cast(pa.timestamp(scalar.type.unit))  # the instant, whatever zone it was shown in
    return scalar.cast(pa.string()).as_py()
