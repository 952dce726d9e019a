"""The daemon that forks Spark's Python workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import zipfile

import pyarrow as pa
import pytest

from rephrase.engines.processes import children
from rephrase.spark.runtime.worker_daemon import leave_zips
from tests.rephrase.spark.standalone import wait_for


def test_a_zip_is_left_where_the_same_version_of_its_package_is_installed(tmp_path, monkeypatch):
    site = tmp_path / "site"
    zips = {}
    for name, version in {"same": "1", "newer": "2", "alone": "1"}.items():
        zips[name] = str(tmp_path / f"{name}-{version}-src.zip")
        with zipfile.ZipFile(zips[name], "w") as file:
            file.writestr(f"{name}/version.py", f"__version__ = {version}\n")
        if name != "alone":
            (site / name).mkdir(parents=True)
            (site / name / "__init__.py").touch()
            (site / name / "version.py").write_text("__version__ = 1\n")
    users = tmp_path / "users.zip"
    users.write_text("not a zip file")
    monkeypatch.setattr(sys, "path", [*zips.values(), str(users), str(site)])
    leave_zips()
    assert sys.path == [zips["newer"], zips["alone"], str(users), str(site)]


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for the name of a socket."""
    with tempfile.TemporaryDirectory(prefix="d", dir="/tmp") as folder:
        yield folder


def test_a_worker_whose_executor_has_hung_up_ends_in_silence(short_folder):
    environment = {
        **os.environ,
        "PYTHON_UNIX_DOMAIN_ENABLED": "true",
        "PYTHON_WORKER_FACTORY_SOCK_DIR": short_folder,
        "PYTHON_DAEMON_KILL_WORKER_ON_FLUSH_FAILURE": "1",
    }
    command = [sys.executable, "-m", "rephrase.spark.runtime.worker_daemon", "pyspark.worker"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as daemon:
        address = daemon.stdout.read(int.from_bytes(daemon.stdout.read(4)))
        with socket.socket(socket.AF_UNIX) as executor:
            executor.connect(address)  # and hangs up before there is a worker
        with socket.socket(socket.AF_UNIX) as executor:
            executor.connect(address)
            assert executor.recv(4), "the number of the worker, which the daemon forks after the one before"
        wait_for(lambda: not children(daemon.pid))
        assert daemon.poll() is None
        assert daemon.communicate(timeout=20)[1] == b""


def test_workers_have_what_tasks_import_collect_garbage_without_it_and_talk_through_unix_sockets(spark):
    def look(batches):
        import gc
        import os

        for batch in batches:
            found = {
                "zipped": [".zip" in sys.modules["pyspark"].__file__],
                "loaded": ["pandas" in sys.modules],
                "frozen": [gc.get_freeze_count()],
                "unix": [os.environ.get("PYTHON_UNIX_DOMAIN_ENABLED", "").lower() == "true"],
            }
            yield pa.RecordBatch.from_pydict({name: values * batch.num_rows for name, values in found.items()})

    rows = spark.get().range(0, 8, 1, 8).mapInArrow(look, "zipped boolean, loaded boolean, frozen long, unix boolean").collect()
    assert all(not row.zipped and row.loaded and row.frozen > 10_000 and row.unix for row in rows), rows
