"""Units of work on Spark: one unit is one output object, created at most once, by one task, which may do several tiny ones in a row.

What exists is done; resume is "list what exists, run the rest". No state is kept beside the objects themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter

from rephrase import storage
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.turns import Turns

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.resource import ResourceProfile
    from pyspark.sql import SparkSession

    from rephrase.spark.runtime.progress import StageProgress

Payload = TypeVar("Payload")
Item = TypeVar("Item")

WINDOW = 20 * 1024  # Spark tasks of one Spark job, in whole chunks of a job's folder; those of two jobs are known to Spark at once


@dataclass(frozen=True, slots=True)
class Unit(Generic[Payload]):
    """A piece of a stage's work: the object it writes, and what the task needs to know."""

    output: str
    payload: Payload


def pending(units: Sequence[Unit[Payload]], folder: str) -> list[Unit[Payload]]:
    """The units whose object is not there yet."""
    existing = {file.path for file in storage.list_files(folder)}
    return [unit for unit in units if unit.output not in existing]


def run_units(
    spark: SparkSession,
    tasks: Sequence[Item],
    work: Callable[[Item], None],
    folder: str,
    progress: StageProgress | None = None,
    profile: ResourceProfile | None = None,
    *,
    about: str = "",
    is_enough: Callable[[int, int], bool] | None = None,
    in_a_row: Callable[[int], int] | None = None,
) -> None:
    """Run `work` on every item, each in a Spark task of its own; it must create what the item stands for.

    `in_a_row`, asked for the number of an item, says how many from there on a Spark task may do one after the other. A task that fails is
    tried again with all of them: `work` must return at once where what an item stands for is there.

    Items are values of JSON, `Unit`s, other dataclasses of such, or lists of one of these, all alike; `work` must be picklable. Tasks
    start in the order of the items. `folder` is the stage's: what driver and tasks have to tell each other lies below it for as long as the
    job runs. `profile` says what a task needs of its executor, `about` in Spark's UI what the tasks work on. `is_enough` is asked again and
    again, with how many tasks are done and how many in flight: once it says so, those in flight end and no other begins.

    Raises what `Job.run` raises.
    """
    if not tasks:
        return
    kind = _kind_of(tasks[0])
    with open_job(spark, folder) as job:
        items, reports, turns = job.folder, job.reports, Turns(job.folder.path) if is_enough else None

        def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            read = TypeAdapter(kind)
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    if turns and not turns.begin(number):
                        continue
                    reports.began()
                    with reports.telling():
                        work(read.validate_python(items.item(number)))
                    reports.done()
                    if turns:
                        turns.end(number)
                yield batch

        task = job.reporting(body)
        closing = _Closing(turns, is_enough) if turns and is_enough else None

        def run_window(numbers: range, row: int) -> None:
            partitions = -(-len(numbers) // row)  # of exactly one number each where none are done in a row
            some_each = spark.range(numbers.start, numbers.stop, 1, partitions)
            frame = some_each.mapInArrow(task, "id long", profile=profile) if profile else some_each.mapInArrow(task, "id long")
            # No shuffle, as `count` has one: its blocks on an executor would keep dynamic allocation from letting the executor go, and a
            # lost executor would have all of its finished tasks run again.
            frame.write.format("noop").mode("overwrite").save()

        def windows() -> Iterator[Callable[[], None]]:
            for numbers, row in _windows(len(tasks), in_a_row):
                if closing and closing.is_closed:
                    return
                items.add(tasks, numbers)
                yield functools.partial(run_window, numbers, row)

        job.run_all(windows(), progress, about or f"{len(tasks):,} tasks", closing.look if closing else None)


def _windows(tasks: int, in_a_row: Callable[[int], int] | None) -> Iterator[tuple[range, int]]:
    """The items of each Spark job, and how many a task does: a job of all would cost the JVM memory for each, and time for their square."""
    start = 0
    while start < tasks:
        row = in_a_row(start) if in_a_row else 1
        numbers = range(start, min(start + WINDOW * row, tasks))
        yield numbers, row
        start = numbers.stop


class _Closing:
    """Closes the door to further tasks when it is enough."""

    def __init__(self, turns: Turns, is_enough: Callable[[int, int], bool]) -> None:
        self._turns, self._is_enough = turns, is_enough
        self.is_closed = False

    def look(self) -> None:
        if not self.is_closed and self._is_enough(*self._turns.count()):
            self._turns.close()
            self.is_closed = True


def _kind_of(item: Any) -> Any:
    """The type that an item has again when it is read."""
    if isinstance(item, Unit):
        return Unit[type(item.payload)]  # type: ignore[misc]
    return list[_kind_of(item[0])] if isinstance(item, list) else type(item)  # type: ignore[misc]
