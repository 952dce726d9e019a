"""How far a run is, told by its objects alone: from any shell, while a driver runs and after it died."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rephrase import storage
from rephrase.errors import UserError
from rephrase.live.config_name import as_given
from rephrase.live.plain_console import PlainConsole, harmless
from rephrase.live.words import counted, left_in_words, span, totals_in_words
from rephrase.spark.runtime.hearing import Heard, heard_in
from rephrase.spark.stages.base import Stage, Status
from rephrase.spark.stages.lakehouse import committed_tables, in_words
from rephrase.spark.stages.pipeline import STAGES
from rephrase.spark.stages.run_tables import check_begun

if TYPE_CHECKING:
    from rephrase.config.run import Run

_OLD = 15.0  # seconds after which what a driver tells is said to be old
_EXECUTORS = 8  # told one by one


def print_status(run: Run, console: Console | None = None) -> None:
    """Print what each stage of the config has done and what is left, and of the one at work what its driver and executors tell.

    Raises `UserError` where no stage has run.
    """
    (console or PlainConsole()).print(_shown(run))


def print_json(run: Run) -> None:
    """Print the same as one JSON object. Raises `UserError` where no stage has run."""
    check_begun(run.output)
    stages, at_work = [], []
    for stage, status, files in _stages(run):
        last = _seconds_since(stage, files)
        stages.append({"stage": stage.table.stage, **asdict(status), "seconds_since_last_unit": last})
        at_work += [_as_json(heard) for heard in heard_in(files)]
    tables = [asdict(each) for each in committed_tables(run)]
    print(orjson.dumps({"output": run.trial().output, "stages": stages, "at_work": at_work, "tables": tables}).decode(), flush=True)


def watch(run: Run, seconds: float, *, as_json: bool = False) -> None:
    """Show the status again every so many seconds, in a terminal in the same place, until the process is ended.

    Raises `UserError` where no stage has run. What goes wrong later is told, and looked at again.
    """
    check_begun(run.output)
    if as_json:
        while True:
            try:
                print_json(run)
            except UserError as error:
                print(orjson.dumps({"output": run.trial().output, "error": as_given(error.line())}).decode(), flush=True)
            time.sleep(seconds)
    console = PlainConsole()
    if not console.is_terminal:
        while True:
            console.print(_shown_or_error(run))
            time.sleep(seconds)
    with Live(_shown_or_error(run), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            live.update(_shown_or_error(run), refresh=True)


def _shown_or_error(run: Run) -> RenderableType:
    try:
        return _shown(run)
    except UserError as error:  # of a store that is away for a while
        return Text(harmless(error.line()))


def _shown(run: Run) -> RenderableType:
    check_begun(run.output)
    table = Table(title=f"Run in {run.trial().output}", title_justify="left")
    for name in ("stage", "units", "last unit", ""):
        table.add_column(name)
    texts = []
    for stage, status, files in _stages(run):
        since = _seconds_since(stage, files)
        last = "" if since is None else f"{span(since)} ago"
        table.add_row(stage.table.stage, _units(status, begun=bool(files)), last, status.text)
        texts += [_in_words(heard) for heard in heard_in(files)]
    texts += [Text(harmless(line)) for line in in_words(run)]
    return Group(table, *texts)


def _units(status: Status, *, begun: bool) -> str:
    if not (begun or status.done):
        return "not begun"
    if status.total is None:
        return f"{status.done:,}" if status.done else "begun"
    return f"{status.done:,} of {status.total:,}"


def _stages(run: Run) -> Iterator[tuple[Stage, Status, list[storage.FileInfo]]]:
    """The stages that the config switches on, how far each is, and the files in its folder."""
    trial = run.trial()
    for stage in STAGES:
        if stage.table.is_on(run):
            on = run if stage.table.of_input else trial
            yield stage, _status_of(stage, on), list(storage.list_files(stage.table.folder(on.output)))


def _status_of(stage: Stage, run: Run) -> Status:
    try:
        return stage.status(run)
    except FileNotFoundError:  # listed, and gone before it was read
        return Status(0, None, "is being removed")


def _seconds_since(stage: Stage, files: list[storage.FileInfo]) -> float | None:
    """Since the last of a stage's objects was made."""
    changed = max((file.modified for file in files if file.path.endswith(stage.endings)), default=None)
    return None if changed is None else max(0.0, time.time() - changed)


def _in_words(heard: Heard) -> Text:
    """What a driver tells of its stage, with its executors below."""
    figures, age = heard.figures, heard.seconds
    since = f", last heard {span(age)} ago" if age >= _OLD else ""
    words = [f"{figures.units:,} of {figures.units_in_all:,} units"] if figures.units_in_all else []
    words += [f"at work for {span(figures.seconds)}", left_in_words(figures.seconds_left), *totals_in_words(figures.totals)]
    lines = [f"Now, {figures.stage}{since}: {', '.join(word for word in words if word)}" if figures.units_in_all else figures.line + since]
    for executor, seconds in heard.executors[:_EXECUTORS] if len(heard.executors) > 1 else []:
        answers = executor.answers - executor.failed
        doing = executor.starting or ", ".join(
            (counted(executor.units, "unit"), f"{counted(executor.running, 'request')} running", counted(answers, "answer"))
        )
        lines.append(f"  {executor.executor}: {doing}" + (f", last heard {span(seconds)} ago" if seconds >= _OLD else ""))
    if (others := len(heard.executors) - _EXECUTORS) > 0:
        lines.append(f"  and {counted(others, 'executor')} more")
    return Text("\n".join(map(harmless, lines)))


def _as_json(heard: Heard) -> dict[str, Any]:
    executors = [{**orjson.loads(figures.to_json()), "seconds_since_heard": age} for figures, age in heard.executors]
    return {**orjson.loads(heard.figures.to_json()), "seconds_since_heard": heard.seconds, "executors": executors}
