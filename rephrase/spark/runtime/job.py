"""Spark actions that end at the first error that no other try would mend. Spark alone would tell after its last retry."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rephrase.errors import UserError
from rephrase.spark.runtime.failures import readable
from rephrase.spark.runtime.job_folder import JobFolder
from rephrase.spark.runtime.progress import console
from rephrase.spark.runtime.pyspark_internals import is_connect
from rephrase.spark.runtime.task_reports import Reports

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from rephrase.spark.runtime.progress import StageProgress
    from rephrase.spark.runtime.task_reports import Body

Result = TypeVar("Result")
_POLL_SECONDS = 0.5
_CANCELLING = 10.0  # seconds at most that the cancelling of an interrupted action takes
_BETWEEN_STARTS = 15.0  # seconds between two lines of how engines start, where there are several
_ELSEWHERE = 30.0  # seconds in which another executor may come, or take over a task, after all others said that their engine does not start


@dataclass(frozen=True, slots=True)
class Job:
    """Spark actions on frames whose functions report their errors, and the folder that they report to. Made by `open_job`."""

    spark: SparkSession
    folder: JobFolder

    @property
    def reports(self) -> Reports:
        """What tasks report."""
        return Reports(self.folder.reports)

    def reporting(self, body: Body) -> Body:
        """A function for `mapInArrow` that reports its errors. See `Reports.reporting`."""
        return self.reports.reporting(body)

    def run(self, action: Callable[[], Result], progress: StageProgress | None = None) -> Result:
        """Run a blocking Spark action while the progress line looks at the objects that appear.

        Raises the `UserError` of a task as soon as it is known, without Spark's retries; an engine that does not start ends the action only
        when it starts on no executor that was given a task, and no other executor comes. A task that fails three times by any other
        exception ends it too. Lost workers and executors, and what tasks lack by that, are Spark's to replace.
        """
        return run_action(action, self.spark, self.reports, progress)


@contextlib.contextmanager
def open_job(spark: SparkSession, folder: str, items: Sequence[Any] = ()) -> Iterator[Job]:
    """A job on a stage's table. What driver and tasks have to tell each other lies below `folder` until the end of the block.

    `items`: what tasks find in the job's folder by number. Frames with a function of this job must not outlive it.
    """
    job = Job(spark, JobFolder.create(folder, items))
    try:
        yield job
    finally:
        job.folder.remove()


def run_action(action: Callable[[], Result], spark: SparkSession, reports: Reports, progress: StageProgress | None = None) -> Result:
    """Run a blocking Spark action while the progress line looks at the objects that appear, and end it at a fatal report.

    Raises what `Job.run` raises.
    """
    results: list[Result] = []
    failure: list[BaseException] = []
    tag = f"rephrase-{uuid.uuid4().hex}"

    def target() -> None:
        try:
            _name_jobs(spark, tag)
            results.append(action())
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread below
            failure.append(error)

    watch = _Watch(reports, spark)
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    fatal: UserError | None = None
    try:
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            if progress:
                progress.look()
            fatal = fatal or watch.look()
            if fatal:
                _cancel(spark, tag)  # at every look, as an action may be between two of its jobs
    except BaseException:  # Ctrl-C, or a store that cannot be read: Spark would go on without a driver who looks
        _cancel_and_wait(thread, spark, tag)
        raise
    if progress:
        progress.look()
    if failure and not fatal:
        fatal = watch.look(at_once=True)
    if fatal:
        raise fatal
    if failure:
        raise readable(failure[0]) from None
    return results[0]


class _Watch:
    """The driver's eye on the reports of a job."""

    def __init__(self, reports: Reports, spark: SparkSession) -> None:
        reports.prepare()
        self._reports = reports
        self._patience = 0.0 if _has_one_executor(spark) else _ELSEWHERE
        self._failing: set[str] = set()
        self._failed_at = 0.0
        self._starting: dict[str, float] = {}
        self._next_look = self._next_start = 0.0

    def look(self, *, at_once: bool = False) -> UserError | None:
        """The error that ends the job, if there is one; engines that start, and a new executor without one, are told to the user."""
        now = time.monotonic()
        if now < self._next_look and not at_once:
            return None
        state = self._reports.look()
        if state.fatal:
            return state.fatal
        self._tell_of_starts(state.starting)
        failing = state.not_started
        for name in sorted(failing.keys() - self._failing):
            console.print(f"an engine does not start, its units go elsewhere: {failing[name].line()}", soft_wrap=True)
            self._failed_at = now
        self._failing = set(failing)
        self._next_look = time.monotonic() + 5 * (time.monotonic() - now)  # looks cost requests where the folder is far away
        nowhere = failing and failing.keys() >= state.executors and now - self._failed_at >= self._patience
        return failing[min(failing)] if nowhere else None

    def _tell_of_starts(self, starting: dict[str, float]) -> None:
        """Print what engines tell of their start: every line of one, a line now and then for many."""
        news = sorted(executor for executor, at in starting.items() if at != self._starting.get(executor))
        if not news or (len(starting) > 1 and time.monotonic() < self._next_start):
            return
        self._starting = starting
        self._next_start = time.monotonic() + _BETWEEN_STARTS
        others = f" ({len(news) - 1} more likewise)" if len(news) > 1 else ""
        with contextlib.suppress(FileNotFoundError):
            console.print(f"engine: {self._reports.start_of(news[0])}{others}", soft_wrap=True, markup=False)


def _name_jobs(spark: SparkSession, name: str) -> None:
    """Let the jobs that this thread starts be cancelled by name."""
    if is_connect(spark):
        spark.addTag(name)
    else:  # a classic session's tags interrupt no Python worker
        spark.sparkContext.setJobGroup(name, "rephrase", interruptOnCancel=True)


def _cancel(spark: SparkSession, name: str) -> None:
    if is_connect(spark):
        spark.interruptTag(name)
    else:
        spark.sparkContext.cancelJobGroup(name)


def _cancel_and_wait(action: threading.Thread, spark: SparkSession, name: str) -> None:
    deadline = time.monotonic() + _CANCELLING
    with contextlib.suppress(Exception):  # of a Spark that has gone by the same signal
        while action.is_alive() and time.monotonic() < deadline:
            _cancel(spark, name)
            action.join(_POLL_SECONDS)


def _has_one_executor(spark: SparkSession) -> bool:
    """Whether the driver's JVM itself is the only executor there can be."""
    master = spark.conf.get("spark.master", None) or ""
    return master == "local" or master.startswith("local[")
