"""A cluster of processes, and somebody who submits runs to it with an unpacked archive and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

from rephrase.engines.processes import Process
from tests.places import ROOT

STANDALONE = ROOT / "infra" / "standalone"
SECRET = "one-that-no-other-process-is-told"
VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")


@dataclass
class Cluster:
    """What `infra/standalone/up` has started, as far as it tells."""

    folder: Path
    options: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)

    def up(self) -> Cluster:
        command = [STANDALONE / "up", "--folder", self.folder, "--cores", "1", "--memory", "1g", *self.options]
        variables = {**os.environ, "AWS_SECRET_ACCESS_KEY": SECRET}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        self.told = dict(line.split()[:2] for line in done.stdout.splitlines())
        return self

    def down(self) -> None:
        subprocess.run([STANDALONE / "down", "--folder", self.folder], check=True, capture_output=True, timeout=100)

    @property
    def processes(self) -> dict[str, int]:
        """Their numbers, by name."""
        lines = (self.folder / "processes").read_text().splitlines()
        return {name: int(number) for number, _, name in map(str.split, lines)}

    @property
    def workers(self) -> list[int]:
        """The numbers of those workers that live."""
        return [number for name, number in self.processes.items() if name.startswith("worker-") and Process.of(number).alive]


class Submitter:
    """Somebody in an empty folder, with the unpacked environment and a Spark, and nothing else."""

    def __init__(self, environment: Path, folder: Path, cluster: Cluster) -> None:
        self.environment, self.folder, self.cluster = environment, folder, cluster
        self.variables = {name: os.environ[name] for name in VARIABLES} | {"AWS_SECRET_ACCESS_KEY": SECRET}
        self.variables |= {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "JAVA_HOME": subprocess.run([ROOT / "infra" / "java.sh"], capture_output=True, text=True, check=True).stdout.strip(),
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_CONF_DIR": str(cluster.folder / "conf"),
        }

    def command(self, *words: object) -> list[str]:
        return [str(self.environment / "bin" / "rephrase"), *map(str, words)]

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return self.shell(self.command(*words))

    def shell(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=400, check=False)
        finally:  # the disk is not to fill with archives that applications have unpacked
            for folder in self.cluster.folder.glob("work-*/app-*/*/environment"):
                shutil.rmtree(folder, ignore_errors=True)

    def start(self, log: Path, *words: object) -> subprocess.Popen[bytes]:
        with open(log, "wb") as file:
            return subprocess.Popen(
                list(map(str, words)), cwd=self.folder, env=self.variables, stdout=file, stderr=file, start_new_session=True
            )
