"""Weights of cells, from a table: rows with a value for each dimension of a grid, a `weight`, and perhaps `max_epochs`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from rephrase import storage
from rephrase.errors import UserError
from rephrase.mixing.grid import Cell, Dimension, Steps, Value, name_of, told
from rephrase.settings.faults import fault
from rephrase.settings.paths import resolve_path
from rephrase.settings.yaml_text import parse_yaml

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_WEIGHT, _EPOCHS = "weight", "max_epochs"
_SHOWN = 5  # cells of an error line


def _read(value: Any, info: ValidationInfo) -> Any:
    """The rows of the file that a path names. What is no path stays."""
    if not isinstance(value, str):
        return value
    base = (info.context or {}).get("base")
    path = value if base is None else resolve_path(value, base)
    try:
        rows = rows_of(path)
    except UserError as error:
        raise fault(f"`{error.where}`: {error.what}", error.cure or "mend the file", value=value) from error
    if not rows:
        raise fault(f"`{path}`: there are no rows", "write a line for each cell, with its `weight`", value=value)
    return rows


_ROWS = {"type": "array", "items": {"type": "object", "required": [_WEIGHT]}}
Weights = Annotated[
    list[dict[str, str | float | None]], BeforeValidator(_read), WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"\S"}, _ROWS]})
]
"""The rows, or the path of a CSV or YAML file with them."""


def rows_of(path: str) -> list[dict[str, Any]]:
    """The rows of a CSV or YAML file. A mixture with `components`, as `rephrase swarm fit` proposes, gives a row for each of them.

    Raises `UserError` for what is no table, with the line.
    """
    try:
        text = storage.read(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError("there is no such file", where=path, cure="give the path of a CSV or YAML file with weights") from None
    except UnicodeDecodeError as error:
        raise UserError(f"no text in UTF-8: {error.reason}", where=path, cure="give the path of a CSV or YAML file with weights") from error
    if path.endswith((".yaml", ".yml", ".json")):
        return _of_yaml(parse_yaml(text, path), path)
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    names = reader.fieldnames or []
    if twice := next((name for place, name in enumerate(names) if name in names[:place]), None):
        raise UserError(f"two columns are called `{twice}`", where=f"{path}, line 1", cure="take one out")
    rows = []
    for line in reader:
        if None in line or None in line.values():
            what = f"the line has not the {len(names)} columns of the first"
            raise UserError(what, where=f"{path}, line {reader.line_num}", cure="mend the line")
        rows.append({name: _number(value, name, f"{path}, line {reader.line_num}") for name, value in line.items()})
    return rows


def _number(value: str, name: str, where: str) -> str | float | None:
    if name not in (_WEIGHT, _EPOCHS):
        return value
    try:
        return float(value) if value or name == _WEIGHT else None
    except ValueError:
        raise UserError(f"`{value}` in column {name} is no number", where=where, cure="mend it") from None


def _of_yaml(data: Any, path: str) -> list[dict[str, Any]]:
    if isinstance(data, dict):
        proposed = data.get("mix", data)
        data = proposed.get("components") if isinstance(proposed, dict) else None
        data = [_of_component(one) if isinstance(one, dict) else one for one in data] if isinstance(data, list) else data
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        what = "neither a list of rows, nor a mixture with `components`"
        raise UserError(what, where=path, cure="write rows such as {topic: science, quality: 18, weight: 2}")
    return data


def _of_component(component: Mapping[str, Any]) -> dict[str, Any]:
    """A component of a proposal as a row: what it selects by, and its share."""
    labels = component.get("labels")
    source = {"source": component["source"]} if "source" in component else {}
    epochs = {_EPOCHS: component[_EPOCHS]} if _EPOCHS in component else {}
    return {**source, **(labels if isinstance(labels, dict) else {}), _WEIGHT: component.get("share", component.get("tokens")), **epochs}


@dataclass(frozen=True, slots=True)
class Row:
    """A cell's weight, and its own bound of epochs if the table has one."""

    weight: Fraction
    max_epochs: Fraction | None


def table_of(rows: Sequence[Mapping[str, Any]], dimensions: Sequence[Dimension]) -> dict[Cell, Row]:
    """The rows by their cells. Raises the `fault` of a row that lacks a column, has another, or stands for a cell of an earlier one."""
    names = [name_of(dimension) for dimension in dimensions]
    table: dict[Cell, Row] = {}
    for number, row in enumerate(rows, 1):
        where = f"row {number} of `weights`"
        for name in [*names, _WEIGHT]:
            if name not in row:
                raise fault(f"{where} has no `{name}`", f"its columns are {', '.join([*names, _WEIGHT])}")
        if others := set(row) - {*names, _WEIGHT, _EPOCHS}:
            raise fault(f"{where} has `{min(others)}`, which `by` does not divide by", f"its columns are {', '.join([*names, _WEIGHT])}")
        cell = tuple(_value(row[name_of(dimension)], dimension, where) for dimension in dimensions)
        if cell in table:
            raise fault(f"{where} is of {shown(cell, dimensions)}, as one before it", "give the cell one weight")
        weight, epochs = row[_WEIGHT], row.get(_EPOCHS)
        if not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            raise fault(f"{where} has the weight `{weight}`", "write a number of 0 or more")
        if epochs is not None and (not isinstance(epochs, int | float) or not 0 < epochs < float("inf")):
            raise fault(f"{where} has the max_epochs `{epochs}`", "write a number above 0, or leave it empty")
        table[cell] = Row(Fraction(str(weight)), None if epochs is None else Fraction(str(epochs)))
    if not any(row.weight for row in table.values()):
        raise fault("`weights` gives no cell a weight above 0", "give one")
    return table


def _value(value: Any, dimension: Dimension, where: str) -> Value:
    if value is None or value == "":
        return None
    if not isinstance(dimension, Steps):
        return f"{value:.17g}" if isinstance(value, float) and value.is_integer() else str(value)  # 2024 of YAML is 2024.0 here
    try:
        step = int(value) if float(value) == int(float(value)) else 0
    except (ValueError, OverflowError):
        step = 0
    if not 1 <= step <= dimension.steps:
        cure = f"the steps are counted from 1, the lowest, to {dimension.steps}; nothing stands for texts without the score"
        shown_value = f"{value:g}" if isinstance(value, float) else value
        raise fault(f"{where} has `{shown_value}` as its step of `{dimension.score}`", cure)
    return step


def shown(cell: Cell, dimensions: Sequence[Dimension]) -> str:
    """A cell as messages name it."""
    return ", ".join(_told(one, value) for one, value in zip(dimensions, cell, strict=True))


def _told(dimension: Dimension, value: Value) -> str:
    return told(dimension, value) if value is None else f"{name_of(dimension)} {told(dimension, value)}"


def listed(cells: Sequence[Cell], dimensions: Sequence[Dimension]) -> str:
    """The first of several cells, and how many more there are."""
    names = "; ".join(shown(cell, dimensions) for cell in cells[:_SHOWN])
    return f"{names} and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else names
