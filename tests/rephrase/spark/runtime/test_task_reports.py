"""What tasks tell the driver: errors, and engines that do not start. Processes of their own stand for executors; the jobs are Spark's."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from rephrase import storage
from rephrase.errors import UserError
from rephrase.spark.runtime.job import open_job, run_action
from rephrase.spark.runtime.task_reports import Reports
from rephrase.spark.runtime.units import run_units
from tests.rephrase.spark.standalone import wait_for

EXECUTOR = """
import contextlib, sys
from rephrase.engines import starting
from rephrase.spark.runtime import task_reports as reports
from rephrase.errors import StartError, TaskError

reports._NEXT_TRY = 0.0
mine = reports.Reports(sys.argv[1])
mine.began()
print("began", flush=True)
for word in sys.stdin:
    with contextlib.suppress(TaskError), mine.telling():
        if word.startswith("tell "):
            extra = starting.READY if "answers" in word else {}
            starting.log.warning("it %s", word.removeprefix("tell ").strip(), extra=extra)
        else:
            mine.done() if word == "done\\n" else mine.failed(StartError("no memory is left", where="model", cure="take another"))
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
    run_action(job(1.5), spark.get(), reports)
    second("failed")
    with pytest.raises(UserError, match="no memory is left"):
        run_action(job(300), spark.get(), reports)
    second("done")  # it did start at another try
    run_action(job(1), spark.get(), reports)


def test_a_user_error_of_a_task_ends_its_job_at_the_first_try_and_leaves_nothing(tmp_path, spark):
    log, stage = tmp_path / "tries", tmp_path / "stage"

    def body(batches):
        for batch in batches:
            if batch.column(0)[0].as_py() == 1:
                with open(log, "a") as file:
                    file.write("x")
                raise UserError("no such model", where="engine")
            yield batch

    with pytest.raises(UserError, match="engine: no such model"), open_job(spark.get(), str(stage)) as job:
        job.run(spark.get().range(0, 2, 1, 2).mapInArrow(job.reporting(body), "id long").repartition(2).count)
    assert log.read_text() == "x"
    assert not stage.exists()


def test_a_task_that_fails_by_a_bug_is_tried_three_times(tmp_path, spark):
    tries = tmp_path / "tries"

    def work(_item: int) -> None:
        with open(tries, "a") as file:
            file.write("x")
        raise KeyError("missing")

    with pytest.raises(UserError, match=r"a Spark task failed: KeyError: 'missing' \(in test_task_reports.py, line \d+\)"):
        run_units(spark.get(), [1], work, str(tmp_path / "stage"))
    assert tries.read_text() == "xxx"
    assert not (tmp_path / "stage").exists()


def test_a_task_that_can_store_nothing_and_not_report_that_either_ends_its_job_at_the_first_try(tmp_path, spark):
    tries, limit = tmp_path / "tries", resource.getrlimit(resource.RLIMIT_FSIZE)

    def work(_item: int) -> None:
        with open(tries, "a") as file:
            file.write("x")
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))  # no byte more into any file; the worker ends with its first error
        storage.create(str(tmp_path / "result"), b"data")

    with pytest.raises(UserError, match=r"stage.*: a task cannot store its result, nor tell why"):
        run_units(spark.get(), [1], work, str(tmp_path / "stage"))
    assert tries.read_text() == "x"


def test_what_a_task_lacks_of_its_input_is_no_error_of_its_own(tmp_path):
    def broken() -> Iterator[object]:
        yield from ()
        raise OSError("a block is lost")

    reports = Reports(str(tmp_path))
    for _ in range(4):
        with pytest.raises(OSError, match="a block is lost"):
            list(reports.reporting(lambda batches: batches)(broken()))
    assert not os.listdir(tmp_path)


def test_a_cancelled_task_does_not_take_what_it_got_for_its_whole_input(tmp_path, spark):
    begun, ended = tmp_path / "begun", tmp_path / "ended"

    def body(batches):
        try:
            for batch in batches:
                if batch.column(0)[0].as_py() >= 20_000_000:  # more than the first task reads before its end comes, however late
                    wait_for(begun.exists)
                    raise UserError("enough")
                begun.touch()
                time.sleep(0.002)
        except EOFError:
            ended.write_text("broke off")
            raise
        ended.write_text("whole")
        yield from ()

    with pytest.raises(UserError, match="enough"), open_job(spark.get(), str(tmp_path / "stage")) as job:
        job.run(spark.get().range(0, 40_000_000, 1, 2).mapInArrow(job.reporting(body), "id long").count)
    wait_for(ended.exists)
    assert ended.read_text() == "broke off"


def test_what_engines_tell_while_they_start_reaches_the_driver_line_by_line(executor, tmp_path, spark, monkeypatch):
    lines: list[str] = []
    monkeypatch.setattr("rephrase.spark.runtime.lines.console.print", lambda text, **_: lines.append(text))
    reports, first = Reports(str(tmp_path)), executor()
    assert reports.look().starting == {}

    def action() -> None:
        for word in ("loads the weights", "answers after 9 s"):
            first(f"tell {word}")
            wait_for(lambda word=word: any(word in line for line in lines), 30)

    run_action(action, spark.get(), reports)
    starts = [line for line in lines if line.startswith("engine: ")]
    assert starts == ["engine: it loads the weights", "engine: it answers after 9 s"]
    assert [reports.start_of(executor) for executor in reports.look().starting] == [("it answers after 9 s", True)]
