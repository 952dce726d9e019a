"""Spark actions on a user's own frames: no folder is known there through which tasks could tell the driver of an error at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from classifiers.encoder.device import use_gpus
from rephrase.errors import TaskError, UserError, from_traceback
from rephrase.spark.runtime.gpus import task_gpus

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from rephrase.spark.runtime.task_reports import Body

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FrameJob:
    """A `Job` without a folder: an error of a task ends an action after Spark's retries."""

    spark: SparkSession

    def reporting(self, body: Body) -> Body:
        """A function for `mapInArrow` whose `UserError`s reach the driver in a form that is found again in Spark's message."""

        def marked(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            use_gpus(task_gpus())
            try:
                yield from body(batches)
            except UserError as error:
                raise TaskError(error) from error

        return marked

    def run(self, action: Callable[[], Result]) -> Result:
        """Run a blocking Spark action. Raises the `UserError` of a task as itself; what else Spark raises is the frames' own."""
        try:
            return action()
        except Exception as error:
            if user_error := from_traceback(str(error)):
                raise user_error from None
            raise
