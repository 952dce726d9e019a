"""Ten runs of two users on one host, each with an engine of its own, do not meet: not in sockets, folders, processes or rows.

REPHRASE_TEST_DIST names a folder that `make package` has filled; without it the archive is made here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest
import yaml

from rephrase.storage import tables
from tests.places import ROOT, STAND_IN
from tests.rephrase.spark.stages.test_pipeline import write_run
from tests.rephrase.spark.standalone import wait_for
from tests.tiny_model import make_tiny_model

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("useradd"), reason="only root can be two users, with setpriv"
    ),
]

USERS = (52345, 52346)
RUNS_EACH = 5
DOCUMENTS = 4
PATIENCE = 400.0  # seconds, on a machine with other work


@pytest.fixture(scope="module")
def host() -> Iterator[Path]:
    """A folder that all users reach: `environment` is the archive, `tmp` their temporary folder, `model` an engine's model."""
    with contextlib.ExitStack() as stack:
        for user in USERS:  # Hadoop's client wants a name for each number
            subprocess.run(["useradd", "--no-create-home", "--uid", str(user), f"rephrase-{user}"], check=True)
            stack.callback(subprocess.run, ["userdel", f"rephrase-{user}"], check=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="two-", dir="/tmp")))  # sockets need short paths
        folder.chmod(0o755)
        dist = Path(os.environ.get("REPHRASE_TEST_DIST", folder / "dist"))
        if not dist.is_dir():
            subprocess.run([sys.executable, ROOT / "infra" / "package.py", "--dist", dist], check=True, timeout=500)
        (folder / "environment").mkdir()
        subprocess.run(["tar", "-xzf", next(dist.glob("*.tar.gz")), "-C", folder / "environment"], check=True)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
        make_tiny_model(folder / "model")
        shutil.copytree(STAND_IN, folder / "stand_in")
        shutil.copytree(Path(pyspark.__file__).parent, folder / "spark", copy_function=_linked)  # whose jars the archive leaves to clusters
        yield folder


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@dataclass
class OneRun:
    """A driver of a user, and what it was given."""

    user: int
    folder: Path
    host: Path

    @property
    def log(self) -> Path:
        return self.folder / "driver.log"

    @property
    def calls(self) -> list[dict]:
        """What its servers have noted."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def engines(self) -> list[int]:
        """The processes of its servers, of those that live."""
        return [call["pid"] for call in self.calls if "start" in call and Path(f"/proc/{call['pid']}").exists()]

    def prepare(self) -> None:
        self.folder.mkdir(parents=True)
        env = {
            "PYTHONPATH": str(self.host / "stand_in"),
            "STAND_IN_LOG": str(self.folder / "calls"),
            "STAND_IN_HOLD": str(self.host / "hold"),
        }
        engine = {"kind": "vllm", "model": str(self.host / "model"), "env": env, "batch_size": 2}
        path = write_run(self.folder, str(self.host / "model"), engine, documents=DOCUMENTS)
        source = self.folder / "raw" / "notes.jsonl"
        rows = [json.loads(line) for line in source.read_text().splitlines()]
        source.write_text("".join(json.dumps(row | {"id": f"{self.folder.name}-{row['id']}"}) + "\n" for row in rows))
        settings = yaml.safe_load(path.read_text())
        settings["spark"] = {"conf": {"spark.driver.memory": "512m", "spark.sql.shuffle.partitions": "2"}}
        path.write_text(yaml.safe_dump(settings))
        for each in [self.folder, *self.folder.rglob("*")]:
            os.chown(each, self.user, self.user)

    def start(self) -> subprocess.Popen[bytes]:
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "TMPDIR": str(self.host / "tmp"),
            "JAVA_HOME": os.environ["JAVA_HOME"],
            "SPARK_HOME": str(self.host / "spark"),
            "PYTHONPATH": str(self.host / "stand_in"),
        }
        command = [str(self.host / "environment" / "bin" / "rephrase"), "run", "out.yaml", "--master", "local[1]"]
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                as_user(self.user, *command), cwd=self.folder, env=variables, stdout=log, stderr=log, start_new_session=True
            )


def as_user(user: int, *command: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]


def open_to_others(folder: Path) -> list[tuple[str, str]]:
    """What stands in a shared temporary folder, directly in it, and others may enter, read or write; with its mode."""
    modes = {path: path.lstat().st_mode for path in folder.iterdir()}
    return [(path.name, stat.filemode(mode)) for path, mode in modes.items() if mode & 0o077 and not stat.S_ISLNK(mode)]


def test_ten_runs_of_two_users_do_not_meet(host: Path) -> None:
    if not list((host / "environment").glob("lib/python*/site-packages/transformers")):
        pytest.skip("prompts need transformers: name an archive of `make package VLLM=cpu` by REPHRASE_TEST_DIST")
    runs = [OneRun(user, host / str(user) / f"run{number}", host) for user in USERS for number in range(RUNS_EACH)]
    for run in runs:
        run.prepare()
    (host / "hold").touch()
    drivers = {run.folder: run.start() for run in runs}
    try:
        wait_for(
            lambda: all(any("prompts" in call for call in run.calls) or drivers[run.folder].poll() is not None for run in runs), PATIENCE
        )
        for run in runs:
            assert drivers[run.folder].poll() is None, run.log.read_text()
        engines = {run.folder: run.engines for run in runs}
        assert [len(pids) for pids in engines.values()] == [1] * len(runs), "each has an engine of its own"
        assert len({pid for pids in engines.values() for pid in pids}) == len(runs)
        assert [Path(f"/proc/{engines[run.folder][0]}").stat().st_uid for run in runs] == [run.user for run in runs]

        sockets = list((host / "tmp").glob("rephrase-*/*/socket"))
        assert len(sockets) == len(runs)
        for path in sockets:
            owner = path.stat().st_uid
            assert path.parent.parent.name == f"rephrase-{owner}"
            [other] = set(USERS) - {owner}
            asked = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
            for user, is_let_in in ((owner, True), (other, False)):
                done = subprocess.run(
                    as_user(user, "/usr/bin/env", "python3", "-c", asked, str(path)), capture_output=True, text=True, check=False, cwd="/"
                )
                assert (done.returncode == 0) == is_let_in, done.stderr
                assert is_let_in or "PermissionError" in done.stderr
        assert open_to_others(host / "tmp") == []

        victim, *others = runs
        os.killpg(drivers[victim.folder].pid, signal.SIGKILL)
        drivers[victim.folder].wait()
        wait_for(lambda: not victim.engines, 60)
        assert {run.folder: run.engines for run in others} == {run.folder: engines[run.folder] for run in others}, (
            "no other engine is ended"
        )
        (host / "hold").unlink()
        for run in others:
            assert drivers[run.folder].wait(PATIENCE) == 0, run.log.read_text()
        assert victim.start().wait(PATIENCE) == 0, victim.log.read_text()
    finally:
        (host / "hold").unlink(missing_ok=True)
        for driver in drivers.values():
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
                driver.wait()
    for run in runs:
        documents = tables.read_folder(str(run.folder / "out" / "documents")).to_pylist()
        generations = tables.read_folder(str(run.folder / "out" / "generations")).to_pylist()
        assert len(documents) == DOCUMENTS
        assert {row["document_id"] for row in generations} == {row["id"] for row in documents}
        assert [row["error"] for row in generations if row["error"] and not row["error"].startswith("parse:")] == []
        assert len([call for call in run.calls if "start" in call]) == (2 if run is victim else 1), "no engine of another is used"
        assert not [path for path in run.folder.rglob("*") if path.lstat().st_uid not in (run.user, 0)], "only its user writes there"
    wait_for(lambda: not list((host / "tmp").glob("rephrase-*/*/socket")), 60)
    assert open_to_others(host / "tmp") == []


def test_a_user_s_cluster_is_not_another_s(host: Path) -> None:
    """`infra/standalone/up` in the same temporary folder: each has its own, and neither ends the other's."""
    scripts = host / "standalone"
    shutil.copytree(ROOT / "infra" / "standalone", scripts / "standalone")
    shutil.copy(ROOT / "infra" / "java.sh", scripts)
    homes = {user: host / f"home{user}" for user in USERS}

    def call(user: int, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(homes[user]),
            "TMPDIR": str(host / "tmp"),
            "JAVA_HOME": os.environ["JAVA_HOME"],
            "SPARK_HOME": str(host / "spark"),
        }
        command = as_user(user, str(scripts / "standalone" / name), *options)
        return subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, timeout=200, check=False)

    for user, home in homes.items():
        home.mkdir()
        os.chown(home, user, user)
        started = call(user, "up", "--workers", "1", "--cores", "1", "--memory", "512m")
        assert started.returncode == 0, started.stderr
    first, second = (host / "tmp" / f"rephrase-standalone-{user}" for user in USERS)
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (first, second)} == {0o700}
    for name in ("up", "down"):
        assert call(USERS[1], name, "--folder", str(first)).returncode != 0
    processes = [int(line.split()[0]) for line in (first / "processes").read_text().splitlines()]
    assert call(USERS[1], "down").returncode == 0
    assert not second.exists()
    assert all(Path(f"/proc/{number}").exists() for number in processes)
    assert call(USERS[0], "down").returncode == 0
