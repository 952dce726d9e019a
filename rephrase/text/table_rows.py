"""Markdown tables whose columns or rows are labelled parts, written out as lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rephrase.text.labels import Labels

_RULE = re.compile(r"[\s|:+-]*-[\s|:+-]*")
_BAR = re.compile(r"(?<!\\)\|")


def without_tables(text: str, labels: Labels) -> str:
    """The text with each row of a table as lines "Question: …", "Answer: …", by its header or by a label in its first cell.

    Other tables stay as they are.
    """
    if "|" not in text:
        return text
    return "\n".join(_lines(text.split("\n"), labels))


def _lines(lines: list[str], labels: Labels) -> Iterator[str]:
    columns: list[str | None] = []
    inside = False  # a table, below its first row
    for line in lines:
        cells = _cells(line)
        if not cells:
            columns, inside = [], False
            yield line
            continue
        if _RULE.fullmatch(line) and columns:
            continue
        names = [_name(cell, labels) for cell in cells] if not inside else []
        inside = True
        if sum(name is not None for name in names) > 1:
            columns = names
        elif columns and len(columns) == len(cells):
            yield from (f"{name}: {cell}" for name, cell in zip(columns, cells, strict=True) if name)
        elif len(cells) == 2 and (name := _name(cells[0], labels)):  # a label and what it says
            yield f"{name}: {cells[1]}"
        else:
            yield line


def _name(cell: str, labels: Labels) -> str | None:
    label = labels.read(f"{cell}:")
    return label.name if label and not label.rest else None


def _cells(line: str) -> list[str]:
    """The cells of a row that begins with a bar; none for another line."""
    row = line.strip()
    if not row.startswith("|") or row.count("|") < 2:
        return []
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(row.strip("|"))]
