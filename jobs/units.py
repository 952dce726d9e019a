"""Units of work on Spark: one unit is one task is one output object, created at most once.

What exists is done; resume is "list what exists, run the rest". No state is kept beside the objects themselves.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from rephrase import storage
from rephrase.errors import TaskError, UserError, from_traceback

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from jobs.progress import StageProgress

Payload = TypeVar("Payload")
_POLL_SECONDS = 0.5


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
    spark: SparkSession, units: Sequence[Unit[Payload]], work: Callable[[Unit[Payload]], None], progress: StageProgress | None = None
) -> None:
    """Run `work` on every unit, each in a Spark task of its own; it must create the unit's output object.

    `work` must be picklable. Raises `UserError` if a task raised one, with that message; any other failure of a task as a `UserError`
    that names the stage and quotes the last line of the task's traceback.
    """
    if not units:
        return
    tasks = list(units)
    numbers = spark.range(0, len(tasks), 1, len(tasks))  # exactly one number a partition

    def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_numpy():
                with user_errors_marked():
                    work(tasks[int(number)])
            yield batch

    frame = numbers.mapInArrow(body, "id long")
    run_watched(frame.count, progress)


def run_watched(action: Callable[[], object], progress: StageProgress | None = None) -> None:
    """Run a blocking Spark action while the progress line looks at the objects that appear. Errors as in `run_units`."""
    failure: list[BaseException] = []

    def target() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread below
            failure.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_SECONDS)
        if progress:
            progress.look()
    if progress:
        progress.look()
    if failure:
        raise readable(failure[0]) from None


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
