"""Units of work on Spark: one unit is one task is one output object, created at most once.

What exists is done; resume is "list what exists, run the rest". No state is kept beside the objects themselves.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from jobs.job_folder import JobFolder
from jobs.progress import console
from jobs.reports import Reports
from rephrase import storage
from rephrase.errors import TaskError, UserError, from_traceback

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.resource import ResourceProfile
    from pyspark.sql import SparkSession

    from jobs.progress import StageProgress

Payload = TypeVar("Payload")
Item = TypeVar("Item")
_POLL_SECONDS = 0.5
_ELSEWHERE = 30.0  # seconds in which another executor may come, or take over a task, after all others said that their engine does not start


@dataclass(frozen=True, slots=True)
class Unit(Generic[Payload]):
    """A piece of a stage's work: the object it writes, and what the task needs to know."""

    output: str
    payload: Payload


def pending(units: Sequence[Unit[Payload]], folder: str) -> list[Unit[Payload]]:
    """The units whose object is not there yet."""
    there = {file.path for file in storage.list_files(folder)}
    return [unit for unit in units if unit.output not in there]


def run_units(
    spark: SparkSession,
    tasks: Sequence[Item],
    work: Callable[[Item], None],
    folder: str,
    progress: StageProgress | None = None,
    profile: ResourceProfile | None = None,
) -> None:
    """Run `work` on every item, each in a Spark task of its own; it must create what the item stands for.

    Items and `work` must be picklable. Tasks start in the order of the items. `folder` is the stage's: what driver and tasks have to tell
    each other lies below it for as long as the job runs. `profile` says what a task needs of its executor.

    Raises the `UserError` of a task as soon as it is known, without Spark's retries; an engine that does not start ends the job only when
    it starts on no executor that was given a task, and no other executor comes. A task that fails three times by any other exception
    ends it too. Lost workers and executors are Spark's to replace.
    """
    if not tasks:
        return
    job = JobFolder.create(folder, tasks)
    reports = Reports(job.reports)
    numbers = spark.range(0, len(tasks), 1, len(tasks))  # exactly one number a partition

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                try:
                    reports.began()
                    work(job.item(number))
                except Exception as error:  # noqa: BLE001  # reported, then raised again
                    reports.failed(number, error)
                reports.done()
            yield batch

    frame = numbers.mapInArrow(body, "id long", profile=profile) if profile else numbers.mapInArrow(body, "id long")
    # No shuffle, as `count` has one: its blocks on an executor would keep dynamic allocation from letting the executor go, and a lost
    # executor would have all of its finished tasks run again.
    action = frame.write.format("noop").mode("overwrite").save
    try:
        run_watched(action, progress, spark, reports)
    finally:
        job.remove()


def run_watched(
    action: Callable[[], object],
    progress: StageProgress | None = None,
    spark: SparkSession | None = None,
    reports: Reports | None = None,
) -> None:
    """Run a blocking Spark action while the progress line looks at the objects that appear, and end it at a fatal report."""
    failure: list[BaseException] = []
    tag = f"rephrase-{uuid.uuid4().hex}"

    def target() -> None:
        try:
            if spark is not None:
                _name_jobs(spark, tag)
            action()
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread below
            failure.append(error)

    watch = _Watch(reports, spark) if reports and spark else None
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    fatal: UserError | None = None
    while thread.is_alive():
        thread.join(_POLL_SECONDS)
        if progress:
            progress.look()
        if watch and not fatal and (fatal := watch.look()):
            assert spark is not None
            _cancel(spark, tag)
    if progress:
        progress.look()
    if fatal or (watch and failure and (fatal := watch.look())):
        raise fatal
    if failure:
        raise readable(failure[0]) from None


class _Watch:
    """The driver's eye on the reports of a job."""

    def __init__(self, reports: Reports, spark: SparkSession) -> None:
        self._reports = reports
        self._patience = 0.0 if _has_one_executor(spark) else _ELSEWHERE
        self._failing: set[str] = set()
        self._failed_at = 0.0
        self._next_look = 0.0

    def look(self) -> UserError | None:
        """The error that ends the job, if there is one; a new executor without engine is told to the user."""
        now = time.monotonic()
        if now < self._next_look:
            return None
        found = self._reports.look()
        if found.fatal:
            return found.fatal
        failing = found.not_started
        for name in sorted(failing.keys() - self._failing):
            console.print(f"an engine does not start, its units go elsewhere: {failing[name].line()}", soft_wrap=True)
            self._failed_at = now
        self._failing = set(failing)
        self._next_look = time.monotonic() + 5 * (time.monotonic() - now)  # looks cost requests where the folder is far away
        nowhere = failing and failing.keys() >= found.executors and now - self._failed_at >= self._patience
        return failing[min(failing)] if nowhere else None


def _is_connect(spark: SparkSession) -> bool:
    return type(spark).__module__.startswith("pyspark.sql.connect")


def _name_jobs(spark: SparkSession, name: str) -> None:
    """Let the jobs that this thread starts be cancelled by name."""
    if _is_connect(spark):
        spark.addTag(name)
    else:  # a classic session's tags interrupt no Python worker
        spark.sparkContext.setJobGroup(name, "rephrase", interruptOnCancel=True)


def _cancel(spark: SparkSession, name: str) -> None:
    if _is_connect(spark):
        spark.interruptTag(name)
    else:
        spark.sparkContext.cancelJobGroup(name)


def _has_one_executor(spark: SparkSession) -> bool:
    """Whether the driver's JVM itself is the only executor there can be."""
    master = spark.conf.get("spark.master", None) or ""
    return master == "local" or master.startswith("local[")


@contextlib.contextmanager
def user_errors_marked() -> Iterator[None]:
    """Inside a task: let a `UserError` reach the driver in a form that it finds again in Spark's message."""
    try:
        yield
    except UserError as error:
        raise TaskError(error) from error


def readable(error: BaseException) -> BaseException:
    """A task's `UserError` taken out of Spark's exception, or a short `UserError` that quotes the task's last line."""
    if isinstance(error, UserError | KeyboardInterrupt):
        return error
    found = from_traceback(str(error))
    if found:
        return found
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    python = [line for line in lines if _looks_like_python_error(line)]
    java = [line.removeprefix("Caused by: ") for line in lines if line.startswith(("Caused by: ", ": "))]
    said = (python or java[-1:] or lines or [repr(error)])[0]
    return UserError(f"a Spark task failed: {said}", cure="the executor's log has the whole traceback; run again to resume")


def _looks_like_python_error(line: str) -> bool:
    head = line.split(":", 1)[0]
    return ":" in line and head.replace(".", "").replace("_", "").isalnum() and head.endswith(("Error", "Exception")) and "org." not in head
