"""Spark actions that end at the first error that no other try would mend. Spark alone would tell after its last retry."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.runtime.failures import readable
from rephrase.spark.runtime.job_folder import JobFolder
from rephrase.spark.runtime.lines import doing
from rephrase.spark.runtime.spark_jobs import cancel_jobs, name_jobs, run_in_turn, tasks_in_words
from rephrase.spark.runtime.task_reports import Reports
from rephrase.spark.runtime.watch import Watch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from rephrase.spark.runtime.progress import StageProgress
    from rephrase.spark.runtime.task_reports import Body

Result = TypeVar("Result")
_POLL_SECONDS = 0.5
_CANCELLING = 10.0  # seconds at most that the cancelling of an interrupted action takes
_ELSEWHERE = 30.0  # seconds in which another executor may come, or take over a task, after all others said that their engine does not start


@dataclass(frozen=True, slots=True)
class Job:
    """Spark actions on frames whose functions report their errors, and the folder that they report to. Made by `open_job`."""

    spark: SparkSession
    folder: JobFolder
    title: str
    """What the job does, in a few words."""

    @property
    def reports(self) -> Reports:
        """What tasks report."""
        return Reports(self.folder.reports)

    def reporting(self, body: Body) -> Body:
        """A function for `mapInArrow` that reports its errors. See `Reports.reporting`."""
        return self.reports.reporting(body)

    def run(
        self,
        action: Callable[[], Result],
        progress: StageProgress | None = None,
        about: str = "",
    ) -> Result:
        """Run a blocking Spark action while the progress line looks at the objects that appear, and what executors tell.

        `about` says in Spark's UI what the action works on.

        Raises the `UserError` of a task as soon as it is known, without Spark's retries; an engine that does not start ends the action only
        when it starts on no executor that was given a task, and no other executor comes. A task that fails three times by any other
        exception ends it too. Lost workers and executors, and what tasks lack by that, are Spark's to replace.
        """
        return run_action(action, self.spark, self.reports, progress, title=self._title(progress), about=about)

    def run_all(
        self,
        actions: Iterable[Callable[[], None]],
        progress: StageProgress | None = None,
        about: str = "",
        each_look: Callable[[], None] | None = None,
    ) -> None:
        """The same for many actions, in their order, two at a time. `each_look` is called at least every second."""
        tag, title = _new_tag(), self._title(progress)

        def action() -> None:
            run_in_turn(self.spark, tag, _description(title, about), actions)

        run_action(action, self.spark, self.reports, progress, title=title, about=about, each_look=each_look, tag=tag)

    def _title(self, progress: StageProgress | None) -> str:
        return self.title if progress is None else progress.stage


@contextlib.contextmanager
def open_job(spark: SparkSession, folder: str, *, title: str = "") -> Iterator[Job]:
    """A job on a stage's table. What driver and tasks have to tell each other lies below `folder` until the end of the block.

    `title` says in a few words what it does, by default the name of the folder. Frames with a function of this job must not outlive it.
    """
    job = Job(spark, JobFolder.create(folder), title or storage.name_of(folder.rstrip("/")))
    try:
        yield job
    finally:
        job.folder.remove()


def run_action(
    action: Callable[[], Result],
    spark: SparkSession,
    reports: Reports,
    progress: StageProgress | None = None,
    *,
    title: str = "a Spark action",
    about: str = "",
    each_look: Callable[[], None] | None = None,
    tag: str = "",
) -> Result:
    """Run a blocking Spark action while the progress line looks at the objects that appear, and end it at a fatal report.

    Where there is no `progress`, a line with the `title` is printed now and then. `tag`: by which the Spark jobs of the action can be
    cancelled, if it gives them one itself. Raises what `Job.run` raises.
    """
    results: list[Result] = []
    failure: list[BaseException] = []
    tag = tag or _new_tag()

    def target() -> None:
        try:
            name_jobs(spark, tag, _description(title, about))
            results.append(action())
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread below
            failure.append(error)

    patience = 0.0 if _has_one_executor(spark) else _ELSEWHERE
    watch = Watch(reports, title, progress, lambda: tasks_in_words(spark, tag), patience)
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    fatal: UserError | None = None
    try:
        with doing(watch.line) if progress is None else contextlib.nullcontext():
            while thread.is_alive():
                thread.join(_POLL_SECONDS)
                if each_look:
                    each_look()
                fatal = fatal or watch.look()
                if fatal:
                    cancel_jobs(spark, tag)  # at every look, as an action may be between two of its jobs
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


def _new_tag() -> str:
    return f"rephrase-{uuid.uuid4().hex}"


def _description(title: str, about: str) -> str:
    return f"{title}: {about}" if about else title


def _cancel_and_wait(action: threading.Thread, spark: SparkSession, tag: str) -> None:
    deadline = time.monotonic() + _CANCELLING
    with contextlib.suppress(Exception):  # of a Spark that has gone by the same signal
        while action.is_alive() and time.monotonic() < deadline:
            cancel_jobs(spark, tag)
            action.join(_POLL_SECONDS)


def _has_one_executor(spark: SparkSession) -> bool:
    """Whether the driver's JVM itself is the only executor there can be."""
    master = spark.conf.get("spark.master", None) or ""
    return master == "local" or master.startswith("local[")
