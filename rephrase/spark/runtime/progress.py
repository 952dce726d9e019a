"""What a stage tells while it works: a display in a terminal, lines in a log. Read off the objects that appear, whoever runs the tasks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from rephrase import storage
from rephrase.live import metrics
from rephrase.live.figures import StageFigures, Totals
from rephrase.live.plain_console import harmless
from rephrase.live.time_left import Course
from rephrase.live.words import counted, left_in_words, span, totals_in_words
from rephrase.names import PARQUET
from rephrase.spark.runtime import lines
from rephrase.spark.runtime.account import Account, SomeNote
from rephrase.spark.runtime.lines import console
from rephrase.spark.runtime.seen import Seen
from rephrase.storage import tables

__all__ = ["StageProgress", "console"]

_EVENTS = 60.0  # seconds between two events with figures
_ENGINES_FIRST = 1.0  # seconds for which a line waits for that of an engine that starts, which says more


class StageProgress:
    """Counts a stage's finished units, and tells what their notes say and what is heard of the executors.

    `account` takes the notes of the units done in this run; None where the objects have none. `weights` says how much work each object is,
    so that the time left is told by work and not by units. `replaced` has the notes of objects that are there and will be replaced: each
    is done when it has another note. `ending` is that of the objects' names. `about` says in words what the stage works on.
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
        about: str = "",
    ) -> None:
        self.stage, self._folder, self._total, self._ending, self._about = stage, folder, total, ending, about
        self._account: Account[Any] | None = account
        self._weights, self._replaced = weights or {}, replaced or {}
        self._seen: Seen | None = None
        self.done = self._already = done
        self._work = self._work_done = 0.0
        self._course = Course()
        self._totals, self._tasks = Totals(), ""
        self._begun = False
        self._started = time.monotonic()
        self._next_look = self._next_plain = 0.0
        self._next_event = self._started + _EVENTS
        self._bar = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[units]} units"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),  # rich's own estimate knows the last half minute, in which no unit may have ended
            console=console,
            auto_refresh=False,
        )
        self._display = Live(get_renderable=self._shown, console=console) if console.is_terminal else None
        self._stack = contextlib.ExitStack()

    def begin(self) -> None:
        """Say that the stage begins, and on what. Once: where Spark is yet to be started, this is done before."""
        if self._begun:
            return
        self._begun = True
        about = f" units{self._about}" if self._about else ""
        resumes = f"{self._already:,} of {self._total:,} units {'is' if self._already == 1 else 'are'} there already, resuming{about}"
        begins = f"begins, {counted(self._total, 'unit')}{self._about}"
        console.print(f"{self.stage}: {resumes if self._already else begins}", soft_wrap=True)
        lines.event("stage_begun", stage=self.stage, units=self._total, units_done=self._already, about=self._about.strip(" ,"))

    def __enter__(self) -> Self:
        self.begin()
        self._started = time.monotonic()
        self._seen = Seen()
        self._work_done = 0.0 if self._weights else float(self.done)
        for file in storage.list_files(self._folder):
            if file.path not in self._replaced:
                self._seen.add(file.path)
                self._work_done += self._weight(file.path) if self._weights else 0.0
        self._work = sum(self._weights.values()) if self._weights else float(self._total)
        self._course.add(self._started, self._work_done)
        self._task = self._bar.add_task(self.stage, total=self._work, left="", units=f"{self.done}/{self._total}")
        self._bar.update(self._task, completed=self._work_done)
        if self._display:
            self._stack.enter_context(self._display)
        self._stack.enter_context(lines.doing(lambda: "" if self._display else self.line()))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._next_look = 0.0
        self._totals = self._totals.counted
        self.look(quietly=True)
        self._stack.close()
        seconds = time.monotonic() - self._started
        finished = self._summary(seconds, ended=True)
        if kind is None:
            parts = [f"{counted(self.done - self._already, 'unit')} in {seconds:.1f} s", finished]
            console.print(f"{self.stage}: " + ", ".join(part for part in parts if part), soft_wrap=True)
        ended = {"units_done": self.done, "seconds": round(seconds, 1), "complete": kind is None, "finished": finished}
        lines.event("stage_ended", stage=self.stage, **ended, counts=self.figures().counts)

    def hear(self, totals: Totals, tasks: str = "") -> None:
        """Take in what is heard of the executors, and how many Spark tasks are at work, in words."""
        first_rate = self._totals.tokens_per_second is None and totals.tokens_per_second is not None
        stalled = bool(totals.stall) and not self._totals.stall
        self._totals, self._tasks = totals, tasks
        if first_rate or stalled:  # that is news
            self._next_plain = 0.0
            self._print_line()

    def look(self, *, quietly: bool = False) -> None:
        """See which objects are new and move the bar; where there is no terminal, print a line if it is time, unless `quietly`."""
        now = time.monotonic()
        new = self._look_for_objects(now) if self._seen is not None and now >= self._next_look else False
        self._course.add(now, self._work_with_units_in_flight)
        left, units = left_in_words(self._left), f"{self.done}/{self._total}"
        self._bar.update(self._task, completed=self._work_with_units_in_flight, left=left, units=units)
        due = lines.EVERY + (_ENGINES_FIRST if self._totals.starting else 0.0)
        if not quietly and ((new and now >= self._next_plain) or console.silence >= due):
            self._print_line()
        metrics.show(self.figures)
        if now >= self._next_event:
            self._next_event = now + _EVENTS
            lines.event("figures", **_without_empty(self.figures()))

    def line(self) -> str:
        """How far the stage is and what goes on, in one line."""
        seconds = time.monotonic() - self._started
        parts = [f"{self.done}/{self._total} units", span(seconds), left_in_words(self._left)]
        parts += self._at_work()
        parts.append(self._summary(seconds))
        return f"{self.stage}: " + ", ".join(part for part in parts if part)

    def figures(self) -> StageFigures:
        """The same as figures."""
        seconds = time.monotonic() - self._started
        return StageFigures(
            stage=self.stage,
            at=time.time(),
            seconds=round(seconds, 1),
            units=self.done,
            units_in_all=self._total,
            seconds_left=self._left,
            totals=self._totals,
            counts=self._account.sums.added_up if self._account else {},
            budget=self._account.shares if self._account else {},
            finished=self._summary(seconds),
            line=self.line(),
        )

    def _look_for_objects(self, now: float) -> bool:
        """Whether there are new objects, which are then counted."""
        assert self._seen is not None
        listed = (file for file in storage.list_files(self._folder) if file.path.endswith(self._ending))
        new = list(self._seen.new(listed))
        # Listing and footers cost requests: look less often the longer a look takes.
        if self._account is None:
            for file in new:
                self._add(file.path)
        else:
            for footer in tables.footers_there(new, self._account.kind):
                if footer.note != self._replaced.get(footer.path):
                    self._add(footer.path)
                    self._account.add(footer.note)
        self._next_look = time.monotonic() + max(0.5, 10 * (time.monotonic() - now))
        return bool(new)

    def _print_line(self) -> None:
        if not self._display:
            console.print(self.line(), soft_wrap=True)
            self._next_plain = time.monotonic() + lines.EVERY

    def _at_work(self) -> list[str]:
        """What engines are at; for stages without, Spark's tasks."""
        words = totals_in_words(self._totals)
        return words or ([self._tasks] if self._tasks and self.done < self._total else [])

    def _shown(self) -> Group:
        words = ", ".join(part for part in (*self._at_work(), self._summary(time.monotonic() - self._started)) if part)
        return Group(self._bar, Text(f"  {harmless(words)}", style="dim")) if words else Group(self._bar)

    @property
    def _left(self) -> tuple[float, float | None] | None:
        """Seconds, as `Course.left` has them; None also where no answer comes: what was done before tells nothing of that."""
        return None if self._totals.all_stalled else self._course.left(self._work)

    @property
    def _work_with_units_in_flight(self) -> float:
        return min(self._work_done + self._totals.work_done, self._work)

    def _add(self, path: str) -> None:
        assert self._seen is not None
        self._seen.add(path)
        self.done += 1
        self._work_done += self._weight(path)

    def _weight(self, path: str) -> float:
        return self._weights.get(path, 0.0) if self._weights else 1.0

    def _summary(self, seconds: float, *, ended: bool = False) -> str:
        rates = self._totals.tokens_per_second is None
        return self._account.describe(seconds, rates=rates, ended=ended) if self._account else ""


def _without_empty(figures: StageFigures) -> dict[str, Any]:
    import orjson

    fields: dict[str, Any] = orjson.loads(figures.to_json())
    fields |= fields.pop("totals")
    return {name: value for name, value in fields.items() if value not in (None, "", {}) and name != "at"}
