"""Commands that are asked to end while a stage runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.spark.stages.pipeline import run_stage
from rephrase.spark.stages.rewrite.stage import rewrite_stage
from rephrase.storage import tables
from tests.chaos import _pids, _read, check_table, expected_ids
from tests.rephrase.spark.stages.test_rewrite import command, config
from tests.rephrase.spark.standalone import wait_for

__all__ = ["config"]


@pytest.fixture(autouse=True)
def _signals_arrive() -> Iterator[None]:
    """Shells have what they start in the background ignore Ctrl-C, and processes hand that on to their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the rewrite stage, and waits until some more of its units are done."""
    drivers = []

    def rewrite(path: Path, *options: str) -> subprocess.Popen[bytes]:
        folder = storage.join(load_run(str(path)).output, "generations")
        before = len(tables.objects(folder))
        with open(tmp_path / "driver.log", "wb") as log:
            environment = {**os.environ, "REPHRASE_TEST": str(tmp_path)}
            driver = subprocess.Popen(command("rewrite", path, *options), stderr=log, env=environment, start_new_session=True)
        drivers.append(driver)
        wait_for(lambda: driver.poll() is not None or len(tables.objects(folder)) > before)
        assert driver.poll() is None, said(tmp_path)
        return driver

    yield rewrite
    for driver in drivers:
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()


SLOW_TO_END = """
import sys, time
from rephrase.spark.runtime.interrupt import Interrupted, interruptible
try:
    with interruptible():
        try:
            print("begun", flush=True)
            time.sleep(60)
        finally:
            print("ending", flush=True)
            time.sleep(60)
except Interrupted as interrupted:
    print(interrupted)
"""


def test_the_second_signal_ends_at_once():
    with subprocess.Popen([sys.executable, "-c", SLOW_TO_END], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.terminate()
        assert process.stdout.readline() == "ending\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate()[0] == ""
        assert process.returncode == 130


def said(tmp_path: Path) -> str:
    return (tmp_path / "driver.log").read_text()


def left(tmp_path: Path) -> list[str]:
    """What still runs of the drivers that were started here: JVMs, Python workers, engines."""
    return [_read(pid, "cmdline") for pid in _pids() if f"REPHRASE_TEST={tmp_path}\0" in _read(pid, "environ")]


START = """
import os, signal, sys, threading
from rephrase.spark.runtime.interrupt import Interrupted, interruptible
from rephrase.spark.runtime.session import LazySession
from rephrase.config.run import Spark
try:
    with interruptible():
        jvm = LazySession(Spark(master="local[1]")).get().sparkContext._jvm
        threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
        jvm.java.lang.Thread.sleep(60_000)
except Interrupted as interrupted:
    sys.exit(interrupted.exit_code)
"""


@pytest.mark.parametrize("when", ["at the start of Spark", "amid a call of the JVM"])
def test_a_signal_leaves_no_jvm_and_no_traceback(tmp_path, when):
    with open(tmp_path / "driver.log", "wb") as log:
        environment = {**os.environ, "REPHRASE_TEST": str(tmp_path)}
        driver = subprocess.Popen([sys.executable, "-c", START], stderr=log, env=environment)
    if when == "at the start of Spark":  # else it signals itself
        wait_for(lambda: any("java" in command.split("\0")[0] for command in left(tmp_path)))
        driver.send_signal(signal.SIGINT)
    assert driver.wait(120) == 130
    wait_for(lambda: not left(tmp_path), 60)
    assert "Exception" not in said(tmp_path)
    assert "Traceback" not in said(tmp_path)


def test_a_signal_ends_a_stage_with_all_its_processes_and_the_next_run_resumes(config, start, tmp_path, spark):
    path = config(documents=8, STAND_IN_SECONDS=0.3)
    run = load_run(str(path))
    run_stage("shard", run, spark)
    driver = start(path, "--master", "local[2]")
    assert len(left(tmp_path)) > 4, "driver, JVM, Python daemon and workers, engine and its watchdog"
    driver.send_signal(signal.SIGINT)
    assert driver.wait(120) == 130
    wait_for(lambda: not left(tmp_path))
    assert said(tmp_path).splitlines()[-1] == "rephrase: stopped by SIGINT; run the same command again to resume"
    assert "Traceback" not in said(tmp_path), "nor of a process that ended after the driver"
    there = {path: os.stat(path).st_mtime_ns for path in tables.objects(storage.join(run.output, "generations"))}
    rewrite_stage(run, spark)
    assert check_table(run) == len(expected_ids(run))
    assert {path: os.stat(path).st_mtime_ns for path in there} == there, "finished units were left alone"
