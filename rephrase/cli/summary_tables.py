"""The tables at the end of a run, made from footers and the manifest alone: they can be printed again at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from rephrase.spark.stages.pipeline import STAGES
from rephrase.spark.stages.run_tables import check_begun

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.stages.base import Breakdown


def print_summary(run: Run, console: Console | None = None) -> None:
    """Print what each stage made: documents, passages, generations, verdicts by recipe, tokens, and the shares of the mixture.

    Raises `UserError` where no stage has run.
    """
    check_begun(run.output)
    console = console or Console(highlight=False)
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
        if breakdown is not None:
            console.print(breakdown if isinstance(breakdown, str) else _table(breakdown))
        for remark in getattr(breakdown, "remarks", ()):
            console.print(remark, soft_wrap=True)


def _table(breakdown: Breakdown) -> Table:
    table = Table(title=breakdown.title, title_justify="left")
    for name in breakdown.columns:
        table.add_column(name, justify="left" if name in breakdown.texts else "right", no_wrap=name == "recipe")
    for row in breakdown.rows:
        table.add_row(*row)
    if breakdown.total:
        table.add_row(*breakdown.total, style="bold")
    return table
