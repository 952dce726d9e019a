"""The archive on a cluster of processes that know nothing of this checkout: from pages to a mixture on S3, by each way to submit it.

REPHRASE_TEST_DIST names a folder that `make package ARGS="--extras connect"` has filled; without it the archive is made here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pyspark
import pytest
import yaml

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.doctor.archive import read_manifest
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import s3, tables
from tests import ceph
from tests.places import EXAMPLES, ROOT
from tests.relay import Relay
from tests.rephrase.spark.standalone import wait_for
from tests.rephrase.submit.cluster import SECRET, STANDALONE, VARIABLES, Cluster, Submitter

pytestmark = pytest.mark.long

SMALL = {"spark.executor.memory": "512m", "spark.sql.shuffle.partitions": "2"}
AWAY = 30.0  # seconds without a gateway; the client's own retries are often over before
TABLES = ("documents", "generations", "judged", "mixture")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make package` builds."""
    if ready := os.environ.get("REPHRASE_TEST_DIST"):
        return Path(ready).resolve()
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, ROOT / "infra" / "package.py", "--extras", "connect", "--dist", folder], check=True, timeout=500)
    return folder


@pytest.fixture(scope="module")
def archive(dist: Path) -> Path:
    return next(dist.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def environment(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The archive, unpacked somewhere: the Python environment of who submits."""
    folder = tmp_path_factory.mktemp("machine") / "environment"
    folder.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)  # as Spark does
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("a"), ("--workers", "3")).up()  # of which each run on S3 loses one
    yield started
    with contextlib.suppress(subprocess.CalledProcessError):  # where a test has ended it
        started.down()


def write_config(folder: Path, output: str, place: str) -> Path:
    """The demo's run in small units, without its classifier, which wants training; pages and answers lie at `place`."""
    data = yaml.safe_load((EXAMPLES / "run.yaml").read_text())
    for path in [*(EXAMPLES / "recorded").iterdir(), *(EXAMPLES / "crawl" / name for name in ("sample.warc.gz", "notes.jsonl"))]:
        storage.create(storage.join(place, str(path.relative_to(EXAMPLES))), path.read_bytes())
    data["output"] = output
    data["input"] |= {"paths": [storage.join(place, "crawl", name) for name in ("sample.warc.gz", "notes.jsonl")], "tokens_per_unit": 600}
    data["tokenizer"] = str(folder / "tokenizer.json")
    shutil.copy(EXAMPLES / "tokenizer.json", folder)
    data["engine"]["path"] = storage.join(place, "recorded")
    data["filter"]["checks"] = [check for check in data["filter"]["checks"] if isinstance(check, str)]
    data["spark"] = {"conf": SMALL}
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def rows(output: str, table: str) -> list[Any]:
    """The rows of a table in an order of their own, whatever files they lie in."""
    found = tables.read_folder(storage.join(output, table)).to_pylist()
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in found)


def assert_unseen(cluster: Cluster) -> None:
    """A key stands in no command line of this machine, in no log, and on none of Spark's pages."""
    lines = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # of a process that has ended
            lines += path.read_bytes()
    assert b"CoarseGrainedExecutorBackend" in lines
    assert SECRET.encode() not in lines
    logs = [*(cluster.folder / "logs").iterdir(), *cluster.folder.glob("work-*/*/*/std*")]
    assert len(logs) > 4
    assert [path for path in logs if SECRET.encode() in path.read_bytes()] == []


@pytest.fixture(scope="module")
def undisturbed(spark: Any, s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The tables of a run on this machine."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "raw").mkdir()
    run = load_run(str(write_config(folder, str(folder / "out"), str(folder / "raw"))))
    run_all(run, spark)
    return {table: rows(run.output, table) for table in TABLES}


def test_the_package_holds_what_a_cluster_needs(dist, archive, environment):
    with zipfile.ZipFile(dist / "jobs.zip") as jobs:
        assert sorted(jobs.namelist()) == sorted(f"jobs/{path.name}" for path in (ROOT / "jobs").glob("*.py"))
    manifest = read_manifest(str(archive))
    assert manifest.pyspark == pyspark.__version__
    assert manifest.vllm == ""
    assert (environment / "share" / "rephrase" / "jobs" / "run.py").is_file()
    assert os.access(environment / "share" / "rephrase" / "infra" / "gpu-discovery.sh", os.X_OK)
    code = "import sys, json, rephrase, pyspark; print(json.dumps([sys.prefix, sys.base_prefix, *sys.path, rephrase.__file__]))"
    command = [environment / "bin" / "python", "-c", code]
    told = json.loads(subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, check=True).stdout)
    assert [path for path in told if path and not path.startswith(str(environment))] == [], "nothing of another Python"
    pinned = dict(
        line.split("==") for line in (ROOT / "infra" / "constraints.txt").read_text().splitlines() if re.match(r"[\w-]+==[\w.]+$", line)
    )
    listing = (
        "import importlib.metadata as m, json; print(json.dumps({d.name.lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    there = json.loads(subprocess.run([environment / "bin" / "python", "-c", listing], capture_output=True, text=True, check=True).stdout)
    assert {name: version for name, version in there.items() if version != pinned.get(name, version)} == {}
    assert len(there.keys() & pinned.keys()) > 40


@pytest.fixture(params=["moto", "ceph"])
def gateway(request: pytest.FixtureRequest, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay | ceph.Ceph]:
    """What stands before a store of this kind, and can go away and come back; the variables of this process point to it."""
    if request.param == "ceph" and not ceph.is_installed():
        pytest.skip(ceph.MISSING)
    with TemporaryDirectory(prefix="ceph-") as folder:
        server = Relay(s3_server) if request.param == "moto" else ceph.Ceph(Path(folder), SECRET)
        try:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", ceph.KEY)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
            monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers keys
            s3._client_of_process.cache_clear()
            yield server
        finally:
            s3._client_of_process.cache_clear()
            server.end()


def test_a_run_on_s3_whose_worker_gateway_and_driver_die_ends_as_one_on_this_machine(
    gateway, environment, archive, cluster, tmp_path, undisturbed
):
    place = f"s3://bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=place.removeprefix("s3://"))
    config = write_config(tmp_path, f"{place}/run", f"{place}/raw")
    (tmp_path / "empty").mkdir()
    somebody = Submitter(environment, tmp_path / "empty", cluster)
    words = ["submit", config, "--to", "standalone", "--master", cluster.told["master"], "--archive", archive]
    printed = somebody.run(*words)
    assert printed.returncode == 0, printed.stderr
    log, generations = tmp_path / "driver.log", f"{place}/run/generations"
    driver = somebody.start(log, "bash", "-c", printed.stdout)

    def wait_for_more(than: int) -> int:
        wait_for(lambda: driver.poll() is not None or len(tables.objects(generations)) > than)
        assert driver.poll() is None, log.read_text()
        return len(tables.objects(generations))

    before = wait_for_more(0)
    assert_unseen(cluster)
    os.kill(cluster.workers[0], signal.SIGKILL)
    before = wait_for_more(before)
    gateway.away()
    time.sleep(AWAY)
    assert driver.poll() is None, log.read_text()
    gateway.back()
    wait_for_more(before)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    done = somebody.run(*words, "--yes")
    assert done.returncode == 0, done.stderr
    assert os.listdir(somebody.folder) == [], "nothing is left where it was submitted from"
    for table in TABLES:
        assert rows(f"{place}/run", table) == undisturbed[table], table
    assert len(undisturbed["mixture"]) > 20


def test_spark_runs_no_python_driver_on_a_standalone_cluster(environment, cluster, tmp_path, s3_server):
    """What `rephrase submit` refuses in its name."""
    somebody = Submitter(environment, tmp_path, cluster)
    job = environment / "share" / "rephrase" / "jobs" / "run.py"
    submit = Path(somebody.variables["SPARK_HOME"]) / "bin" / "spark-submit"
    done = somebody.shell([str(submit), "--master", cluster.told["master"], "--deploy-mode", "cluster", str(job), "run.yaml"])
    assert done.returncode != 0
    assert "Cluster deploy mode is currently not supported for python applications on standalone clusters" in done.stdout + done.stderr


def test_a_run_through_spark_connect_on_a_cluster_beside_another(environment, archive, cluster, bucket, tmp_path, undisturbed):
    config = write_config(tmp_path, f"{bucket}/run", f"{bucket}/raw")
    names = [word for name in VARIABLES for word in ("--env", name)]
    conf = [word for key, value in SMALL.items() for word in ("--conf", f"{key}={value}")]
    other = Cluster(tmp_path / "b", ("--workers", "1", "--connect", str(archive), *names, *conf)).up()
    try:
        again = subprocess.run([STANDALONE / "up", "--folder", other.folder], capture_output=True, text=True, check=False)
        assert again.returncode == 2
        assert "there is a cluster in" in again.stderr
        theirs = cluster.processes
        cluster.down()
        assert [name for name, number in theirs.items() if Path(f"/proc/{number}").exists()] == []
        assert not cluster.folder.exists()
        assert all(Path(f"/proc/{number}").exists() for number in other.processes.values()), "only its own are ended"
        done = Submitter(environment, tmp_path, other).run("run", config, "--master", other.told["Connect"])
        assert done.returncode == 0, done.stderr
        assert_unseen(other)
    finally:
        other.down()
    for table in TABLES:
        assert rows(f"{bucket}/run", table) == undisturbed[table], table
