"""How far a run is, told by its objects alone: from any shell, while a driver runs and after it died."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from rephrase import storage
from rephrase.spark.runtime.progress import span
from rephrase.spark.stages.pipeline import STAGES
from rephrase.spark.stages.run_tables import check_begun

if TYPE_CHECKING:
    from rephrase.config.run import Run


def print_status(run: Run, console: Console | None = None) -> None:
    """Print what each stage of the config has done, what is left, and how long the rewrite stage may still take.

    Raises `UserError` where no stage has run.
    """
    check_begun(run.output)
    console = console or Console(highlight=False)
    table = Table(title=f"Run in {run.output}", title_justify="left")
    for name in ("stage", "units", "last unit", ""):
        table.add_column(name)
    for stage in STAGES:
        if stage.table.is_on(run):
            status = stage.status(run)
            units = f"{status.done:,}" if status.total is None else f"{status.done:,} of {status.total:,}"
            folder = stage.table.folder(run.output)
            table.add_row(
                stage.table.stage, units if status.done or status.total else "not begun", _last(folder, stage.endings), status.text
            )
    console.print(table)


def _last(folder: str, endings: tuple[str, ...]) -> str:
    changed = max((file.modified for file in storage.list_files(folder) if file.path.endswith(endings)), default=0.0)
    return f"{span(time.time() - changed)} ago" if changed else ""
