"""Errors of tasks on a user's own frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from rephrase.errors import TaskError, UserError
from rephrase.spark.runtime.frame_job import FrameJob

BATCH = pa.RecordBatch.from_pydict({"a": [1]})


def failing(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield next(batches)
    raise UserError("the model does not load", where="model.bin", cure="train it")


def test_a_user_error_of_a_task_is_found_again_in_what_spark_says() -> None:
    def action() -> Any:
        try:
            return list(FrameJob(None).reporting(failing)(iter([BATCH])))
        except TaskError as error:  # as Spark quotes it
            raise RuntimeError(f"Job aborted due to stage failure:\n  File x.py, line 3\n{error}\n\tat org.apache.spark") from error

    with pytest.raises(UserError) as caught:
        FrameJob(None).run(action)
    assert caught.value.line() == "model.bin: the model does not load (train it)"
    assert caught.value.__suppress_context__, "what is shown holds no internal marker"


def test_what_else_fails_is_left_as_it_is() -> None:
    def action() -> None:
        raise ValueError("the user's own function")

    with pytest.raises(ValueError, match="the user's own function"):
        FrameJob(None).run(action)
    assert FrameJob(None).run(lambda: 3) == 3
