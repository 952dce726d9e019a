"""A component that is divided by two dimensions, as a table of them: for the plan on a terminal and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rephrase.mixing.grid import Dimension, Steps, Value, name_of, told
from rephrase.report.wording import count, large, percent

if TYPE_CHECKING:
    from rephrase.mixing.component import Component

_MOST_COLUMNS = 24  # more are no table any more
_WITH_TOKENS = 8  # columns up to which cells have their tokens beside their epochs

Entry = Mapping[str, Any]
"""What a cell gives to a phase, as the manifest has it."""


@dataclass(frozen=True, slots=True)
class GridTable:
    """The cells of a phase, and the sums of rows and columns. heads: of all columns, the first of the rows' values."""

    title: str
    heads: tuple[str, ...]
    rows: list[list[str]]
    total: list[str]


def grid_table(component: Component, entries: Sequence[Entry], joint: str = " ") -> GridTable | None:
    """The table of a component's cells in a phase; None where these are not of two dimensions, or too many for a table.

    A cell says how often its tokens are taken and, where there is room, their number before it; `joint` stands between the two. A score
    stands across, or else the dimension of fewer values.
    """
    if len(component.dimensions) != 2 or not all(entry.get("cell") for entry in entries):
        return None
    down, across = _turned(component.dimensions, entries)
    rows, columns = _values(down, entries), _values(across, entries)
    if len(columns) > _MOST_COLUMNS:
        return None
    with_tokens = len(columns) <= _WITH_TOKENS
    by_cell = {(entry["cell"][name_of(down)], entry["cell"][name_of(across)]): entry for entry in entries}

    def line(head: str, several: Sequence[Value]) -> list[str]:
        mine = [[entry for row in several if (entry := by_cell.get((row, column)))] for column in columns]
        cells = [_cell(of_column, joint if with_tokens else None) for of_column in mine]
        return [head, *cells, *_sums([entry for of_column in mine for entry in of_column])]

    what = "tokens that are taken, and how often" if with_tokens else "how often tokens are taken"
    return GridTable(
        title=f"{component.name} by {name_of(down)} and {name_of(across)}: {what}",
        heads=(name_of(down), *(_head(across, value) for value in columns), "tokens there", "tokens", "repeated"),
        rows=[line(told(down, row), [row]) for row in rows],
        total=line("all", rows),
    )


def _turned(dimensions: Sequence[Dimension], entries: Sequence[Entry]) -> tuple[Dimension, Dimension]:
    first, second = dimensions
    if isinstance(first, Steps) != isinstance(second, Steps):
        return (second, first) if isinstance(first, Steps) else (first, second)
    return (first, second) if len(_values(second, entries)) <= len(_values(first, entries)) else (second, first)


def _values(dimension: Dimension, entries: Sequence[Entry]) -> list[Value]:
    values = {entry["cell"][name_of(dimension)] for entry in entries}
    return sorted(values, key=lambda value: (value is None, value if isinstance(value, int) else 0, str(value)))


def _head(dimension: Dimension, value: Value) -> str:
    """A quantile by its number alone, which is short: the title says of what it is."""
    return str(value) if isinstance(dimension, Steps) and dimension.quantiles and value is not None else told(dimension, value)


def _cell(entries: Sequence[Entry], joint: str | None) -> str:
    if not entries:
        return ""
    tokens, there = (sum(entry[key] for entry in entries) for key in ("tokens", "available_tokens"))
    epochs = f"{tokens / there:.2f}" if tokens else "0"
    return epochs if joint is None else f"{large(tokens)}{joint}{epochs} x"


def _sums(entries: Sequence[Entry]) -> list[str]:
    there, tokens, repeated = (sum(entry[key] for entry in entries) for key in ("available_tokens", "tokens", "repeated_tokens"))
    return [count(there), count(tokens), percent(repeated / max(tokens, 1))]


def together(name: str, entries: Sequence[Entry]) -> dict[str, Any]:
    """What all cells of a component give to a phase, as one entry."""
    keys = ("share", "available_rows", "available_tokens", "rows", "tokens", "repeated_tokens")
    sums: dict[str, Any] = {key: sum(entry[key] for entry in entries) for key in keys}
    return {"name": name, **sums, "epochs": sums["tokens"] / max(sums["available_tokens"], 1)}


def folded(components: Sequence[Component], entries: Sequence[Entry]) -> tuple[list[Entry], list[tuple[Component, list[Entry]]]]:
    """The entries of a phase with one for each component that is shown as a table; and these with their cells."""
    shown: list[Entry] = []
    tables: list[tuple[Component, list[Entry]]] = []
    for component in components:
        mine = [entry for entry in entries if entry["name"] == component.name or entry["name"].startswith(f"{component.name}: ")]
        if mine and grid_table(component, mine):
            tables.append((component, mine))
    in_tables = {id(entry): component for component, mine in tables for entry in mine}
    for entry in entries:
        divided = in_tables.get(id(entry))
        if divided is None:
            shown.append(entry)
        elif not any(one["name"] == divided.name for one in shown):
            shown.append(together(divided.name, next(mine for component, mine in tables if component is divided)))
    return shown, tables
