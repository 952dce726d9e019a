"""The Spark jobs of an action: how they are called in Spark's UI, counted, and cancelled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rephrase.spark.runtime.pyspark_internals import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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
