"""A progress line for each stage, read off the objects that appear: it tells the truth whoever runs the tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from rephrase import storage, tables

console = Console(stderr=True, highlight=False)

_PLAIN_SECONDS = 15.0  # how often a line is printed where there is no terminal


class StageProgress:
    """Counts a stage's finished units and sums a figure of their notes.

    `describe` turns the summed notes (all numeric ones of the units done in this run, by name) and the seconds so far into a few words.
    """

    def __init__(
        self, stage: str, folder: str, total: int, done: int, describe: Callable[[dict[str, float], float], str] | None = None
    ) -> None:
        self._stage, self._folder, self._total = stage, folder, total
        self._describe = describe or (lambda _sums, _seconds: "")
        self._sums: dict[str, float] = {}
        self._seen: set[str] | None = None
        self._done, self._already = done, done
        self._started = time.monotonic()
        self._next_look = self._next_plain = 0.0
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("units"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        if self._already:
            console.print(f"{self._stage}: {self._already} of {self._total} units are there already, resuming")
        self._seen = {f.path for f in storage.list_files(self._folder)}
        self._bar.start()
        self._task = self._bar.add_task(self._stage, total=self._total, completed=self._done, words="")
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._next_look = 0.0
        self.look()
        self._bar.stop()
        if kind is None:
            seconds = time.monotonic() - self._started
            words = self._describe(self._sums, seconds)
            console.print(f"{self._stage}: {self._done - self._already} units in {seconds:.1f} s" + (f", {words}" if words else ""))

    def look(self) -> None:
        """See which objects are new and move the bar."""
        now = time.monotonic()
        if now < self._next_look or self._seen is None:
            return
        new = [f.path for f in storage.list_files(self._folder) if f.path.endswith(".parquet") and f.path not in self._seen]
        # Listing and footers cost requests: look less often the longer a look takes.
        for foot in tables.footers(new):
            self._add(foot.note)
        self._seen.update(new)
        self._done += len(new)
        seconds = now - self._started
        words = self._describe(self._sums, seconds)
        self._bar.update(self._task, completed=self._done, words=words)
        if not console.is_terminal and new and now >= self._next_plain:
            console.print(f"{self._stage}: {self._done}/{self._total} units, {seconds:.0f} s" + (f", {words}" if words else ""))
            self._next_plain = now + _PLAIN_SECONDS
        self._next_look = time.monotonic() + max(0.5, 10 * (time.monotonic() - now))

    def _add(self, note: dict[str, Any]) -> None:
        for key, value in note.items():
            if isinstance(value, int | float):
                self._sums[key] = self._sums.get(key, 0) + value
