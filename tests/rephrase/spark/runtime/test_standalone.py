"""The rewrite stage on a real standalone cluster: executors that come and go, by Spark's will and by that of whoever owns the node."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.engines.processes import Process
from rephrase.notes import GenerationsNote
from rephrase.spark.stages.pipeline import run_stage
from rephrase.storage import tables
from tests.chaos import expected_ids
from tests.rephrase.spark.stages.test_rewrite import command, config, entries, generations, requests
from tests.rephrase.spark.standalone import Cluster, wait_for

__all__ = ["config"]

EXECUTOR = {
    "spark.executor.memory": "512m",
    "spark.executor.cores": 1,
    "spark.sql.shuffle.partitions": 2,
    "spark.decommission.enabled": "true",
}
DYNAMIC = {
    **EXECUTOR,
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.maxExecutors": 2,
    "spark.dynamicAllocation.executorIdleTimeout": "2s",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master without workers."""
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.end()


@pytest.fixture(scope="module")
def worker(cluster: Cluster) -> subprocess.Popen[bytes]:
    """A worker that stays."""
    return cluster.add_worker()


def servers(tmp_path: Path) -> list[Process]:
    """All engines' servers that ever started, as far as they still run."""
    return [one for entry in entries(tmp_path) if "start" in entry and (one := Process.of(entry["pid"])).alive]


def notes(run: Run) -> list[dict]:
    return [footer.note for footer in tables.footers(tables.objects(storage.join(run.output, "generations")), GenerationsNote)]


@pytest.mark.long
def test_a_node_that_is_about_to_go_finishes_its_units_and_none_is_made_twice(config, cluster, tmp_path, spark, request):
    path = config(documents=16, STAND_IN_SECONDS="0.4", spark={"conf": EXECUTOR})
    run = load_run(str(path))
    run_stage("shard", run, spark)
    folder = storage.join(run.output, "generations")
    leaving = cluster.add_worker()
    with open(tmp_path / "driver.log", "wb") as log:
        driver = subprocess.Popen(command("rewrite", path, "--master", cluster.url), stderr=log)
    try:
        wait_for(lambda: driver.poll() is not None or len(tables.objects(folder)) > 3)
        there = servers(tmp_path)
        assert there
        os.kill(leaving.pid, signal.SIGPWR)
        request.getfixturevalue("worker")  # another node takes its place
        wait_for(lambda: not any(server.alive for server in there))
        assert driver.poll() is None, "the node went while there was work left"
        assert driver.wait(200) == 0, (tmp_path / "driver.log").read_text()
    finally:
        driver.kill()
    wait_for(lambda: not servers(tmp_path))
    assert sorted(row["id"] for row in generations(run)) == expected_ids(run)
    assert requests(tmp_path) == len(expected_ids(run)), "nothing was asked twice"
    assert {note.attempt for note in notes(run)} == {0}


def test_the_rewrite_stage_gets_executors_with_gpus_for_as_long_as_it_lasts(config, cluster, worker, tmp_path, spark):
    """Through Spark Connect, whose server lives on when the executors have gone."""
    own = {"gpus": 1, "cores": 1, "memory": "512m", "memory_overhead": "384m", "discovery_script": str(cluster.gpu_script)}
    path = config(documents=8, STAND_IN_SECONDS="0.4", rewrite={"executor": own, "tasks_per_gpu": 1})
    run = load_run(str(path))
    run_stage("shard", run, spark)
    master = cluster.connect_server(DYNAMIC)
    done = subprocess.run(command("rewrite", path, "--master", master), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: not servers(tmp_path))
    assert sorted(row["id"] for row in generations(run)) == expected_ids(run)
    starts = [entry for entry in entries(tmp_path) if "start" in entry]
    assert len({note.engine.server for note in notes(run)}) == len(starts) <= 2, "an engine for each executor"
    assert all(entry["devices"] in ("0", "1") for entry in starts)


@pytest.mark.long
def test_units_of_an_executor_whose_engine_does_not_start_go_to_the_other(config, cluster, worker, tmp_path, spark):
    path = config(documents=8, STAND_IN_BROKEN=tmp_path / "broken")
    run = load_run(str(path))
    run_stage("shard", run, spark)
    master = cluster.connect_server({**EXECUTOR, "spark.task.maxFailures": 100})
    done = subprocess.run(command("rewrite", path, "--master", master), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "an engine does not start, its units go elsewhere" in done.stderr
    assert "no memory is left" in done.stderr
    assert sorted(row["id"] for row in generations(run)) == expected_ids(run)
