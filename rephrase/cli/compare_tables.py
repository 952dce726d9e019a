"""What `rephrase compare` prints."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rephrase.cli.console import harmless, shortened
from rephrase.live.plain_console import PlainConsole
from rephrase.report.compare import Compared
from rephrase.report.comparison import tables_of

if TYPE_CHECKING:
    from rich.console import Console

_CHARACTERS = 700  # of each of several texts: enough to see what was done to it


def names_of(configs: Sequence[str]) -> list[str]:
    """Short names of configs that tell them apart: the files' own, or with as many folders as that takes."""
    parts = [os.path.abspath(config).removesuffix(".yaml").split("/") for config in configs]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]  # one config named twice


def print_comparison(compared: Compared, show: int = 0, console: Console | None = None) -> None:
    """Print the tables of a comparison, and `show` passages with the rewrites of each run."""
    console = console or PlainConsole()
    for title, lines in tables_of(compared):
        if not lines:
            continue
        table = Table(title=title, title_justify="left")
        table.add_column("", overflow="fold")
        for name in compared.names:
            table.add_column(Text(name), justify="right" if lines[-1].is_number else "left", overflow="fold")
        for line in lines:
            table.add_row(Text(line.name), *(Text(harmless(value)) for value in line.values))
        console.print(table)
    for rows in compared.passages[:show]:
        console.print(_panel(rows[0].passage, f"passage of {rows[0].about['document_id']}"))
        for name, row in zip(compared.names, rows, strict=True):
            style = "green" if row.verdict == "keep" else "red"
            console.print(_panel(row.text, f"{name}: {row.recipe}  {row.verdict}", style))


def _panel(text: str, title: str, style: str = "none") -> Panel:
    return Panel(Text(harmless(shortened(text, _CHARACTERS))), title=Text(harmless(title)), title_align="left", border_style=style)
