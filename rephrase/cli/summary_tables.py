"""The tables at the end of a run, made from footers and the manifest alone: they can be printed again at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rephrase.live.plain_console import PlainConsole
from rephrase.spark.stages.lakehouse import in_words
from rephrase.spark.stages.pipeline import STAGES
from rephrase.spark.stages.run_tables import check_begun

if TYPE_CHECKING:
    from rich.console import Console

    from rephrase.config.run import Run
    from rephrase.spark.stages.base import Breakdown

_ANY_WIDTH = 10_000  # characters: wider than any table


def print_summary(run: Run, console: Console | None = None) -> None:
    """Print what each stage made: documents, passages, generations, verdicts by recipe, tokens, and the shares of the mixture.

    Raises `UserError` where no stage has run.
    """
    check_begun(run.output)
    console = console or PlainConsole()
    stages = [stage for stage in STAGES if stage.table.is_on(run)]
    figures = Table(title=f"Run in {run.output}", title_justify="left", show_header=False)
    figures.add_column()
    figures.add_column(justify="right")
    figures.add_column()
    for stage in stages:
        for figure in stage.figures(run):
            figures.add_row(figure.name, figure.number, figure.text)
    console.print(figures)
    for stage in stages:
        breakdown = stage.breakdown(run)
        if isinstance(breakdown, str):
            console.print(breakdown)
        elif breakdown is not None:
            _print(breakdown, console)
            for remark in breakdown.remarks:
                console.print(remark, soft_wrap=True)
    for line in in_words(run):
        console.print(line, soft_wrap=True)


def _print(breakdown: Breakdown, console: Console) -> None:
    """The table as wide as it is. Where that is too wide, its long texts stand below it: no word is cut."""
    table = _table(breakdown, breakdown.columns)
    if Measurement.get(console, console.options.update(width=_ANY_WIDTH), table).maximum <= console.width:
        console.print(table)
        return
    name, *others = breakdown.columns
    console.print(_table(breakdown, [name, *(column for column in others if column not in breakdown.texts)]))
    for row in breakdown.rows:
        for column, value in zip(breakdown.columns, row, strict=True):
            if value and column != name and column in breakdown.texts:
                console.print(Text(f"{row[0]}: {column} {value}"))


def _table(breakdown: Breakdown, columns: Sequence[str]) -> Table:
    table = Table(title=breakdown.title, title_justify="left")
    for name in columns:
        # Headings part between words alone, and names not at all.
        width = max(map(len, name.split()))
        table.add_column(
            name, justify="left" if name in breakdown.texts else "right", min_width=width, no_wrap=name == breakdown.columns[0]
        )
    shown = [breakdown.columns.index(name) for name in columns]
    for row in breakdown.rows:
        table.add_row(*(row[place] for place in shown))
    if breakdown.total:
        table.add_row(*(breakdown.total[place] for place in shown), style="bold")
    return table
