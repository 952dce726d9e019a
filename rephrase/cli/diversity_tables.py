"""What `rephrase diversity` prints: how varied the texts of tables are, so that a collapse is seen before a model is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

from rephrase import storage
from rephrase.live.plain_console import PlainConsole
from rephrase.report.diversity import MEASURES, compared_by, diversity_of

if TYPE_CHECKING:
    from rich.console import Console


def diversity(
    tables: Sequence[str], *, sample: int = 2000, model: str | None = None, json: str | None = None, console: Console | None = None
) -> list[dict[str, Any]]:
    """Print the figures of each table, and write them to `json` as a list of objects. Returns these. Raises as `diversity_of` does."""
    rows = diversity_of(tables, sample=sample, model=model)
    if json:
        storage.put(json, orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    _print(rows, console or PlainConsole())
    return rows


def _print(rows: Sequence[dict[str, Any]], console: Console) -> None:
    title = f"Measured {compared_by(rows[0])}"
    table = Table("", *_headings([figures["table"] for figures in rows]), "in a collapse", title=title, title_justify="left")
    for column in table.columns[1:-1]:
        column.justify, column.overflow = "right", "fold"
    for name in ("rows", "tokens", "words"):
        _add(table, name, [figures.get(name) for figures in rows], "{:,}")
    _add(table, "words a text", [figures["words_a_text"] for figures in rows], "{:,.0f}")
    table.add_section()
    for name, (label, direction) in MEASURES.items():
        _add(table, label, [figures.get(name) for figures in rows], "{:.1f}" if name == "mtld" else "{:.3f}", direction)
    for name, label in (("synthetic_depth", "share of depth"), ("origin", "share of")):
        table.add_section()
        for value in sorted({value for figures in rows for value in figures.get(name, ())}):
            shares = [figures[name].get(value, 0.0) if name in figures else None for figures in rows]
            _add(table, f"{label} {value}", shares, "{:.1%}")
    console.print(table)


def _headings(tables: Sequence[str]) -> list[str]:
    """The tables' names without the folders that all of them are in."""
    parts = [table.rstrip("/").split("/") for table in tables]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return ["/".join(part[shared:]) for part in parts]


def _add(table: Table, label: str, values: Sequence[float | None], form: str, direction: str = "") -> None:
    if any(value is not None for value in values):
        table.add_row(label, *("" if value is None else form.format(value) for value in values), direction)
