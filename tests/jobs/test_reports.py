"""What tasks tell the driver about engines that do not start. Processes of their own stand for executors; the watched jobs are Spark's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from jobs.reports import Reports
from jobs.units import run_watched
from rephrase.errors import UserError

EXECUTOR = """
import contextlib, sys
from jobs import reports
from rephrase.errors import StartError, TaskError

reports._NEXT_TRY = 0.0
mine = reports.Reports(sys.argv[1])
mine.began()
print("began", flush=True)
for word in sys.stdin:
    with contextlib.suppress(TaskError):
        mine.done() if word == "done\\n" else mine.failed(0, StartError("no memory is left", where="model", cure="take another"))
    print(word, end="", flush=True)
"""


@pytest.fixture
def executor(tmp_path) -> Iterator[Callable[[], Callable[[str], None]]]:
    """Starts an executor, which has been given a task. What that returns lets it report: `failed` or `done`."""
    running = []

    def start() -> Callable[[str], None]:
        command = [sys.executable, "-c", EXECUTOR, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.getcwd())
        running.append(process)
        assert process.stdout.readline() == "began\n"

        def report(word: str) -> None:
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{word}\n"

        return report

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_run_ends_only_when_no_executor_that_was_given_a_task_can_start_its_engine(executor, tmp_path, spark):
    reports, first, second = Reports(str(tmp_path)), executor(), executor()
    assert len(reports.look().executors) == 2

    def job(seconds: float) -> Callable[[], object]:
        def busy(batches):
            time.sleep(seconds)
            yield from batches

        return spark.get().range(0, 1, 1, 1).mapInArrow(busy, "id long").collect

    first("failed")
    run_watched(job(1.5), None, spark.get(), reports)
    second("failed")
    with pytest.raises(UserError, match="no memory is left"):
        run_watched(job(300), None, spark.get(), reports)
    second("done")  # it did start at another try
    run_watched(job(1), None, spark.get(), reports)
