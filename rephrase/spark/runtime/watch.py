"""The driver's eye on a job: errors that end it, engines that start, and what executors tell meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.live import metrics
from rephrase.live.figures import StageFigures
from rephrase.live.words import span
from rephrase.spark.runtime import lines
from rephrase.spark.runtime.hearing import Hearing
from rephrase.spark.runtime.lines import console
from rephrase.spark.runtime.task_reports import Reports

if TYPE_CHECKING:
    from rephrase.spark.runtime.progress import StageProgress

_BETWEEN_STARTS = 15.0  # seconds between two lines of how engines start, where there are several
_LOOK_AT_TASKS = 2.0  # seconds between two looks at Spark's tasks


class Watch:
    """What a driver looks at while an action runs. Each `look` is short."""

    def __init__(self, reports: Reports, title: str, progress: StageProgress | None, tasks: Callable[[], str], patience: float) -> None:
        """Look at the reports of an action that is called `title` where it has no progress of its own.

        `tasks` says how many tasks of it Spark has at work. `patience`: the seconds in which another executor may come, or take over a
        task, after all others said that their engine does not start.
        """
        reports.prepare()
        self._reports, self._title, self._progress = reports, title, progress
        self._find_tasks, self._patience = tasks, patience
        self._hearing = Hearing(reports)
        self._tasks = ""
        self._failing: set[str] = set()
        self._failed_at = 0.0
        self._starting: dict[str, float] = {}
        self._began = time.monotonic()
        self._next_look = self._next_start = self._next_tasks = 0.0

    def look(self, *, at_once: bool = False) -> UserError | None:
        """The error that ends the job, if there is one. What goes on is told to the user, and to shells that look on."""
        now = time.monotonic()
        if self._progress:
            self._progress.look()
        if now < self._next_look and not at_once:
            return None
        state = self._reports.look()
        if state.fatal:
            return state.fatal
        self._tell_of_starts(state.starting)
        failing = state.not_started
        for name in sorted(failing.keys() - self._failing):
            console.print(f"an engine does not start, its units go elsewhere: {failing[name].line()}", soft_wrap=True)
            lines.event("engine_not_started", executor=name, error=failing[name].line())
            self._failed_at = now
        self._failing = set(failing)
        self._hearing.look(state.figures)
        self._tell()
        self._next_look = time.monotonic() + 5 * (time.monotonic() - now)  # looks cost requests where the folder is far away
        nowhere = failing and failing.keys() >= state.executors and now - self._failed_at >= self._patience
        return failing[min(failing)] if nowhere else None

    def line(self) -> str:
        """What goes on in an action without a progress of its own."""
        parts = [f"at work for {span(time.monotonic() - self._began)}", self._tasks]
        return f"{self._title}: " + ", ".join(part for part in parts if part)

    def _tell(self) -> None:
        now = time.monotonic()
        if now >= self._next_tasks:
            self._next_tasks = now + _LOOK_AT_TASKS
            with contextlib.suppress(Exception):  # of a JVM that has gone: the action itself fails by that, and says more
                self._tasks = self._find_tasks()
        if self._progress:
            self._progress.hear(self._hearing.totals, self._tasks)
            figures = self._progress.figures()
        else:
            if console.silence >= lines.EVERY:
                console.print(self.line(), soft_wrap=True)
            figures = StageFigures(stage=self._title, at=time.time(), seconds=round(now - self._began, 1), line=self.line())
            metrics.show(lambda: figures)
        self._hearing.pass_on(figures)

    def _tell_of_starts(self, starting: dict[str, float]) -> None:
        """Print what engines tell of their start: every line of one, a line now and then for many."""
        news = sorted(executor for executor, at in starting.items() if at != self._starting.get(executor))
        if not news or (len(starting) > 1 and time.monotonic() < self._next_start):
            return
        self._starting = starting
        self._next_start = time.monotonic() + _BETWEEN_STARTS
        others = f" ({len(news) - 1} more likewise)" if len(news) > 1 else ""
        with contextlib.suppress(Exception):  # what is foreign or cannot be read ends no work
            told = self._reports.start_of(news[0])
            console.print(f"engine: {told.line}{others}", soft_wrap=True)
            lines.event("engine_ready" if told.ready else "engine_starting", executor=news[0], told=told.line, others=len(news) - 1 or None)
