"""Units in several Spark jobs: each is run once, and what ends one job ends all."""

from __future__ import annotations

import os

import pytest

from rephrase.errors import UserError
from rephrase.spark.runtime import units
from rephrase.spark.runtime.units import run_units


def test_all_units_of_all_jobs_run_once_in_their_order_and_an_error_ends_them(tmp_path, spark, monkeypatch):
    monkeypatch.setattr(units, "WINDOW", 256)
    done = tmp_path / "done"
    done.mkdir()

    def work(item: int) -> None:
        if item < 0:
            raise UserError("a bad item", where="here")
        with open(done / str(item), "x"):
            pass

    run_units(spark.get(), list(range(520)), work, str(tmp_path / "stage"))
    assert sorted(map(int, os.listdir(done))) == list(range(520))
    assert not (tmp_path / "stage").exists()
    with pytest.raises(UserError, match="a bad item"):
        run_units(spark.get(), [*range(1000, 1300), -1, *range(2000, 3000)], work, str(tmp_path / "stage"))
    assert max(map(int, os.listdir(done))) < 2600, "later jobs are not begun"


def test_units_in_a_row_share_a_task_of_spark_and_are_each_done(tmp_path, spark):
    done = tmp_path / "done"
    done.mkdir()

    def work(item: int) -> None:
        from pyspark import TaskContext

        with open(done / str(item), "x", encoding="utf-8") as file:
            file.write(str(TaskContext().partitionId()))

    run_units(spark.get(), list(range(20)), work, str(tmp_path / "stage"), in_a_row=lambda _number: 3)
    tasks = [int((done / str(item)).read_text()) for item in range(20)]
    assert tasks == sorted(tasks)
    assert len(set(tasks)) == 7
