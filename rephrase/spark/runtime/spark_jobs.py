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
    """How many tasks of a tag's jobs are at work; empty where Spark Connect does not tell, and between two jobs."""
    if is_connect(spark):
        return ""
    tracker = spark.sparkContext.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(tag)]
    running = [tracker.getStageInfo(stage) for job in jobs if job and job.status == "RUNNING" for stage in job.stageIds]
    stages = [stage for stage in running if stage and (stage.numActiveTasks or stage.numCompletedTasks < stage.numTasks)]
    at_work = sum(stage.numActiveTasks for stage in stages)
    if not stages:
        return ""
    if not at_work:
        return f"Spark tasks: {sum(stage.numTasks - stage.numCompletedTasks for stage in stages):,} wait for an executor"
    now = next(stage for stage in stages if stage.numActiveTasks)
    return f"Spark tasks: {at_work:,} at work, {now.numCompletedTasks:,} of {now.numTasks:,} done in this step"
