"""The Spark jobs of an action: how they are called in Spark's UI, counted, and cancelled."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from rephrase.spark.runtime.pyspark_internals import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_AT_ONCE = 2
_APART = 0.2  # seconds
_CANCEL_SECONDS = 0.5


def name_jobs(spark: SparkSession, tag: str, description: str) -> None:
    """Let the jobs that this thread starts be cancelled by their tag, and stand in Spark's UI with a description."""
    if is_connect(spark):
        spark.addTag(tag)
        spark.addTag(re.sub(r"[\s,]+", " ", description))  # tags may hold no comma
    else:  # a classic session's tags interrupt no Python worker
        spark.sparkContext.setJobGroup(tag, description, interruptOnCancel=True)


def cancel_jobs(spark: SparkSession, tag: str) -> None:
    """Cancel the jobs of a tag."""
    if is_connect(spark):
        spark.interruptTag(tag)
    else:
        spark.sparkContext.cancelJobGroup(tag)


def run_in_turn(spark: SparkSession, tag: str, description: str, actions: Iterable[Callable[[], None]]) -> None:
    """Run blocking actions, two at a time, in their order: the second's tasks are there before the first one's last tasks have ended.

    Raises what the first of them to fail raised, once the other one has been cancelled.
    """
    turns, failures = _Turns(actions), list[BaseException]()

    def run_some() -> None:
        try:
            name_jobs(spark, tag, description)
            for action in turns:
                action()
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread below
            turns.end()
            failures.append(error)

    threads = [threading.Thread(target=run_some, daemon=True) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0 if threads[0].is_alive() else 1].join(_CANCEL_SECONDS)
        if failures:
            with contextlib.suppress(Exception):  # of a JVM that has gone: its end is the failure
                cancel_jobs(spark, tag)  # again and again, as an action may be between two of its jobs
    if failures:
        raise failures[0]


class _Turns:
    """Hands out one action after the other to several threads."""

    def __init__(self, actions: Iterable[Callable[[], None]]) -> None:
        self._actions, self._lock, self._ended, self._last = iter(actions), threading.Lock(), False, 0.0

    def __iter__(self) -> Iterator[Callable[[], None]]:
        while True:
            with self._lock:
                action = None if self._ended else next(self._actions, None)
                if action is None:
                    return
                # Two that begin in one moment would come to Spark in either order.
                time.sleep(max(0.0, self._last + _APART - time.monotonic()))
                self._last = time.monotonic()
            yield action

    def end(self) -> None:
        """Hand out none any more."""
        self._ended = True


def tasks_in_words(spark: SparkSession, tag: str) -> str:
    """How far the tasks of a tag's jobs are; empty where Spark Connect does not tell, and between two jobs."""
    if is_connect(spark):
        return ""
    tracker = spark.sparkContext.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(tag)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job and job.status == "RUNNING" for stage in job.stageIds]
    unfinished = [stage for stage in stages if stage and stage.numCompletedTasks < stage.numTasks]
    if not unfinished:
        return ""
    # Spark tells late, and only at the next event, how many tasks it has begun: none is no news.
    at_work = sum(stage.numActiveTasks for stage in unfinished)
    now = next((stage for stage in unfinished if stage.numActiveTasks), unfinished[0])
    done = f"{now.numCompletedTasks:,} of {now.numTasks:,} done in this step"
    return f"Spark tasks: {at_work:,} at work, {done}" if at_work else f"Spark tasks: {done}"
