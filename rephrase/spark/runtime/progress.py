"""A progress line for each stage, read off the objects that appear: it tells the truth whoever runs the tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rephrase import storage
from rephrase.names import PARQUET
from rephrase.notes import Note
from rephrase.storage import tables

SomeNote = TypeVar("SomeNote", bound=Note)

console = Console(stderr=True, highlight=False)

_PLAIN_SECONDS = 15.0  # how often a line is printed where there is no terminal


class Account(Protocol[SomeNote]):
    """What takes in the notes of finished units, and says a few words about them. Its size does not grow with the units."""

    kind: type[SomeNote]
    """Of the notes."""

    def add(self, note: SomeNote) -> None:
        """Take in the note of a finished unit."""
        ...

    def describe(self, seconds: float) -> str:
        """A few words for the progress line; `seconds` is how long the stage has been at work."""
        ...


class Sums(Generic[SomeNote]):
    """The sum of all notes, of which `describe` makes words, with the seconds so far."""

    def __init__(self, kind: type[SomeNote], describe: Callable[[SomeNote, float], str]) -> None:
        self.kind = kind
        self._describe = describe
        self._sum = kind()

    def add(self, note: SomeNote) -> None:
        """Add the note of a finished unit to the sum."""
        self._sum += note

    def describe(self, seconds: float) -> str:
        """A few words about the sum; `seconds` is how long the stage has been at work."""
        return self._describe(self._sum, seconds)


class StageProgress:
    """Counts a stage's finished units, and says a few words about what their notes tell.

    `account` takes the notes of the units done in this run; None where the objects have none. `weights` says how much work each object is,
    so that the time left is told by work and not by units. `replaced` has the notes of objects that are there and will be replaced: each
    is done when it has another note. `ending` is that of the objects' names.
    """

    def __init__(
        self,
        stage: str,
        folder: str,
        total: int,
        done: int,
        account: Account[SomeNote] | None,
        *,
        weights: Mapping[str, float] | None = None,
        replaced: Mapping[str, SomeNote] | None = None,
        ending: str = PARQUET,
    ) -> None:
        self._stage, self._folder, self._total, self._ending = stage, folder, total, ending
        self._account: Account[Any] | None = account
        self._weights, self._replaced = weights or {}, replaced or {}
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
            TextColumn("{task.fields[summary]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        if self._already:
            console.print(f"{self._stage}: {self._already} of {self._total} units are there already, resuming")
        self._seen = {f.path for f in storage.list_files(self._folder)} - self._replaced.keys()
        self._work_done = sum(self._weight(path) for path in self._seen if path in self._weights) if self._weights else float(self.done)
        self._work_before = self._work_done
        self._bar.start()
        self._work = sum(self._weights.values()) if self._weights else float(self._total)
        self._task = self._bar.add_task(self._stage, total=self._work, summary="", left="", units=f"{self.done}/{self._total}")
        self._bar.update(self._task, completed=self._work_done)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._next_look = 0.0
        self.look()
        self._bar.stop()
        if kind is None:
            seconds = time.monotonic() - self._started
            parts = [f"{self.done - self._already} units in {seconds:.1f} s", self._summary(seconds)]
            console.print(f"{self._stage}: " + ", ".join(part for part in parts if part), soft_wrap=True)

    def look(self) -> None:
        """See which objects are new and move the bar."""
        now = time.monotonic()
        if now < self._next_look or self._seen is None:
            return
        listed = (file.path for file in storage.list_files(self._folder))
        new = [path for path in listed if path.endswith(self._ending) and path not in self._seen]
        # Listing and footers cost requests: look less often the longer a look takes.
        if self._account is None:
            for path in new:
                self._add(path)
        else:
            for footer in tables.footers_there(new, self._account.kind):
                if footer.note != self._replaced.get(footer.path):
                    self._add(footer.path)
                    self._account.add(footer.note)
        seconds = now - self._started
        summary, left = self._summary(seconds), self._left(seconds)
        self._bar.update(self._task, completed=self._work_done, summary=summary, left=left, units=f"{self.done}/{self._total}")
        if not console.is_terminal and new and now >= self._next_plain:
            parts = [f"{self.done}/{self._total} units", f"{seconds:.0f} s", left, summary]
            console.print(f"{self._stage}: " + ", ".join(part for part in parts if part), soft_wrap=True)
            self._next_plain = now + _PLAIN_SECONDS
        self._next_look = time.monotonic() + max(0.5, 10 * (time.monotonic() - now))

    def _add(self, path: str) -> None:
        assert self._seen is not None
        self._seen.add(path)
        self.done += 1
        self._work_done += self._weight(path)

    def _weight(self, path: str) -> float:
        return self._weights.get(path, 0.0) if self._weights else 1.0

    def _left(self, seconds: float) -> str:
        done = self._work_done - self._work_before
        to_do = self._work - self._work_done
        return f"about {span(seconds * to_do / done)} left" if done > 0 and to_do > 0 else ""

    def _summary(self, seconds: float) -> str:
        return self._account.describe(seconds) if self._account else ""


def span(seconds: float) -> str:
    """Seconds in the largest unit of which there are two."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
