"""A progress line for each stage, read off the objects that appear: it tells the truth whoever runs the tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rephrase import storage
from rephrase.storage import tables

console = Console(stderr=True, highlight=False)

_PARQUET = ".parquet"
_PLAIN_SECONDS = 15.0  # how often a line is printed where there is no terminal


class Pace(Protocol):
    """What takes in the notes of finished units, and says a few words about them."""

    def add(self, note: dict[str, Any]) -> None:
        """Take in the note of a finished unit."""
        ...

    def words(self, seconds: float) -> str:
        """A few words for the progress line; `seconds` is how long the stage has been at work."""
        ...


class StageProgress:
    """Counts a stage's finished units, and says a few words about what their notes tell.

    `describe` turns the summed notes (all numeric ones of the units done in this run, by name or `name.part`) and the seconds so far into
    words; `pace` takes the notes themselves instead. `weights` says how much work each object is, so that the time left is told by
    work and not by units. `rounds` gives, for objects that are there and will be replaced, the `round` that their new note has.
    `ending` is that of the objects' names; only Parquet has notes.
    """

    def __init__(
        self,
        stage: str,
        folder: str,
        total: int,
        done: int,
        describe: Callable[[dict[str, float], float], str] | None = None,
        *,
        pace: Pace | None = None,
        weights: Mapping[str, float] | None = None,
        rounds: Mapping[str, int] | None = None,
        ending: str = _PARQUET,
    ) -> None:
        self._stage, self._folder, self._total, self._ending = stage, folder, total, ending
        self._describe = describe or (lambda _sums, _seconds: "")
        self._pace, self._weights, self._rounds = pace, weights or {}, dict(rounds or {})
        self._sums: dict[str, float] = {}
        self._seen: set[str] | None = None
        self.done = self._already = done
        self._work = self._work_before = self._work_done = 0.0
        self._started = time.monotonic()
        self._next_look = self._next_plain = 0.0
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[units]} units"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),  # rich's own estimate knows the last half minute, in which no unit may have ended
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        if self._already:
            console.print(f"{self._stage}: {self._already} of {self._total} units are there already, resuming")
        self._seen = {f.path for f in storage.list_files(self._folder)} - self._rounds.keys()
        self._work_done = sum(self._weight(path) for path in self._seen if path in self._weights) if self._weights else float(self.done)
        self._work_before = self._work_done
        self._bar.start()
        self._work = sum(self._weights.values()) if self._weights else float(self._total)
        self._task = self._bar.add_task(self._stage, total=self._work, figures="", left="", units=f"{self.done}/{self._total}")
        self._bar.update(self._task, completed=self._work_done)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._next_look = 0.0
        self.look()
        self._bar.stop()
        if kind is None:
            seconds = time.monotonic() - self._started
            figures = self._figures(seconds)
            console.print(
                f"{self._stage}: {self.done - self._already} units in {seconds:.1f} s" + (f", {figures}" if figures else ""), soft_wrap=True
            )

    def look(self) -> None:
        """See which objects are new and move the bar."""
        now = time.monotonic()
        if now < self._next_look or self._seen is None:
            return
        paths = (file.path for file in storage.list_files(self._folder))
        new = [path for path in paths if path.endswith(self._ending) and path not in self._seen]
        # Listing and footers cost requests: look less often the longer a look takes.
        for foot in tables.footers(new) if self._ending == _PARQUET else (tables.Footer(path, (), {}) for path in new):
            if foot.note.get("round", 0) == self._rounds.get(foot.path, foot.note.get("round", 0)):
                self._add(foot)
        seconds = now - self._started
        figures, left = self._figures(seconds), self._left(seconds)
        self._bar.update(self._task, completed=self._work_done, figures=figures, left=left, units=f"{self.done}/{self._total}")
        if not console.is_terminal and new and now >= self._next_plain:
            parts = [f"{self.done}/{self._total} units", f"{seconds:.0f} s", left, figures]
            console.print(f"{self._stage}: " + ", ".join(part for part in parts if part), soft_wrap=True)
            self._next_plain = now + _PLAIN_SECONDS
        self._next_look = time.monotonic() + max(0.5, 10 * (time.monotonic() - now))

    def _add(self, foot: tables.Footer) -> None:
        assert self._seen is not None
        self._seen.add(foot.path)
        self.done += 1
        self._work_done += self._weight(foot.path)
        if self._pace:
            self._pace.add(foot.note)
        for key, value in foot.note.items():
            for name, number in ((f"{key}.{part}", n) for part, n in value.items()) if isinstance(value, dict) else ((key, value),):
                if isinstance(number, int | float):
                    self._sums[name] = self._sums.get(name, 0) + number

    def _weight(self, path: str) -> float:
        return self._weights.get(path, 0.0) if self._weights else 1.0

    def _left(self, seconds: float) -> str:
        done = self._work_done - self._work_before
        to_do = self._work - self._work_done
        return f"about {span(seconds * to_do / done)} left" if done > 0 and to_do > 0 else ""

    def _figures(self, seconds: float) -> str:
        return self._pace.words(seconds) if self._pace else self._describe(self._sums, seconds)


def span(seconds: float) -> str:
    """Seconds in the largest unit of which there are two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
