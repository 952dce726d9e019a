"""A visit to each executor: a task of its own on every one that there is, and on those that come meanwhile."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rephrase.errors import UserError
from rephrase.spark.runtime.failures import readable
from rephrase.spark.runtime.pyspark_internals import by_value, executors_known, failed_tasks, is_connect

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.resource import ResourceProfile
    from pyspark.sql import SparkSession

Visit = Callable[[str, list[str], float], dict[str, Any] | None]
"""What a task does, given a token of the round, the names of executors that were seen, and the seconds that it must last at least."""

_HOLD = 1.5  # seconds for which a task keeps its place, so that others go to other executors
_PAUSE = 0.5
_HOPE = 10.0  # seconds in which an executor on which a task has failed may still do another
_NUMBERS = 4096  # rows that are spread over as many tasks as Spark counts cores


@dataclass(slots=True)
class Visited:
    """What came of it."""

    reports: list[dict[str, Any]] = field(default_factory=list)
    """Those of the executors, one of each, in the order in which they came; `asked` and `answered` are the driver's times around them."""
    failures: dict[str, str] = field(default_factory=dict)
    """Executors on which a task failed, by Spark's number of them, and why."""
    known: int | None = None
    """Executors that Spark knows; None where it does not tell."""
    fault: str = ""
    """Why no more of them were visited, where the job ended or the time was over."""

    @property
    def told(self) -> set[str]:
        """The executors that something is known of, by Spark's number or their own name."""
        return {report["number"] or report["name"] for report in self.reports} | self.failures.keys()

    @property
    def is_hopeless(self) -> bool:
        """Whether those that have not reported have failed, all of them."""
        return bool(self.failures) and self.known is not None and len(self.told) >= self.known

    def note(self, spark: SparkSession, group: str) -> None:
        """Take in which executors there are, and on which of them tasks of a job group have failed."""
        self.known = executors_known(spark)
        self.failures |= {number: _line(error) for number, error in failed_tasks(spark, group).items()}


def visit_executors(
    spark: SparkSession, visit: Visit, module: ModuleType, *, seconds: float, expected: int = 0, profile: ResourceProfile | None = None
) -> Visited:
    """Call `visit` on each executor until no new one comes, but `seconds` at most.

    `visit` must be a function inside a function, and lean on nothing but the standard library and `module`: both travel as they are, so
    that executors with another package, or without, can tell of it. `expected`: so many executors are waited for. Never raises for
    what Spark does.
    """
    visited = Visited()
    deadline = time.monotonic() + seconds
    with by_value(module):
        while True:
            names = [report["name"] for report in visited.reports]
            job = _Round(spark, visit, names, profile)
            _wait(job, visited, spark, deadline)
            new = [report for report in job.reports if report["name"] not in names]
            visited.reports += {report["name"]: report for report in new}.values()
            visited.fault = job.fault
            if job.fault or (not new and len(visited.told) >= max(expected, visited.known or 0, 1)):
                return visited
            if time.monotonic() > deadline:
                visited.fault = f"not all executors were there within {seconds:g} s"
                return visited
            time.sleep(0 if new else _PAUSE)


def _wait(job: _Round, visited: Visited, spark: SparkSession, deadline: float) -> None:
    """Wait for a job, and note what Spark tells meanwhile. It is left where the time is over, or where only failing executors are left."""
    hopeless_since = None
    while job.lasts(_PAUSE):
        visited.note(spark, job.group)
        now = time.monotonic()
        hopeless_since = (hopeless_since or now) if visited.is_hopeless else None
        if now > deadline or (hopeless_since is not None and now > hopeless_since + _HOPE):  # Spark would try each task a hundred times
            job.leave()
            break
    visited.note(spark, job.group)


class _Round:
    """A job of as many tasks as Spark counts cores now."""

    def __init__(self, spark: SparkSession, visit: Visit, seen: Sequence[str], profile: ResourceProfile | None) -> None:
        self.group = f"visit-{uuid.uuid4().hex}"
        self.reports: list[dict[str, Any]] = []
        self.fault = ""
        self._spark, self._asked = spark, time.time()
        names, token = list(seen), self.group

        def body(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            import pyarrow as pa

            for _ in batches:
                pass
            report = visit(token, names, _HOLD)
            yield pa.RecordBatch.from_pydict({"report": [json.dumps(report)]})

        frame = spark.range(_NUMBERS)
        self._frame = frame.mapInArrow(body, "report string", profile=profile) if profile else frame.mapInArrow(body, "report string")
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        try:
            if not is_connect(self._spark):
                self._spark.sparkContext.setJobGroup(self.group, "rephrase doctor: a visit to each executor", interruptOnCancel=True)
            rows = [json.loads(row.report) for row in self._frame.collect()]
            times = {"asked": self._asked, "answered": time.time()}
            self.reports = [{**report, **times} for report in rows if report is not None]
        except BaseException as error:  # noqa: BLE001  # told as the reason
            self.fault = self.fault or _line(str(error))

    def lasts(self, seconds: float) -> bool:
        """Whether it has not ended in so many seconds."""
        self._thread.join(seconds)
        return self._thread.is_alive()

    def leave(self) -> None:
        """Cancel it, or at least wait no longer."""
        self.fault = "the executors did not answer in time: none is free, or none comes"
        if not is_connect(self._spark):
            self._spark.sparkContext.cancelJobGroup(self.group)


def _line(error: str) -> str:
    """What Spark tells of a failed task, in one line."""
    told = readable(RuntimeError(error))
    return told.what if isinstance(told, UserError) else str(told)
