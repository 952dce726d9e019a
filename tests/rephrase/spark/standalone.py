"""A real Spark standalone cluster on this machine: a master, workers with make-believe GPUs, and a Spark Connect server if wanted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyspark

_HOME = Path(pyspark.__file__).parent
_PATIENCE = 150.0  # seconds for a JVM to answer


class Cluster:
    """Processes of one cluster. Each worker has two cores, and two GPUs that a script makes up."""

    def __init__(self, folder: Path) -> None:
        """Start the master."""
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self.gpu_script = folder / "gpus.sh"
        self.gpu_script.write_text('#!/bin/bash\necho \'{"name": "gpu", "addresses": ["0", "1"]}\'\n')
        self.gpu_script.chmod(0o755)
        command = ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        log = self._start("master", command)[1]
        self.url = wait_for(lambda: re.search(r"Starting Spark master at (spark://\S+)", log.read_text()))[1]

    def add_worker(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until the master knows it. Its executors have the variables of `environment` besides ours."""
        settings = {
            "spark.worker.resource.gpu.amount": "2",
            "spark.worker.resource.gpu.discoveryScript": str(self.gpu_script),
            "spark.decommission.enabled": "true",
        }
        name = f"worker-{len(self._running)}"
        properties = self._folder / f"{name}.conf"
        properties.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        place = ["--host", "127.0.0.1", "--webui-port", "0", "--work-dir", str(self._folder / name), "--properties-file", str(properties)]
        command = ["org.apache.spark.deploy.worker.Worker", *place, "--cores", "2", "--memory", "2g", self.url]
        worker, log = self._start(name, command, environment)
        wait_for(lambda: "Successfully registered with master" in log.read_text())
        return worker

    def connect_server(self, conf: dict[str, object]) -> str:
        """Start a Spark Connect server whose executors run here. Returns its URL."""
        settings = {
            **conf,
            "spark.connect.grpc.binding.port": 0,
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.ui.enabled": "false",
        }
        options = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
        command = ["org.apache.spark.deploy.SparkSubmit", "--master", self.url, *options]
        log = self._start("connect", [*command, "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"])[1]
        return f"sc://127.0.0.1:{wait_for(lambda: connect_port(log))}"

    def end_newest(self) -> None:
        """End the process that was started last, so that its executors make room."""
        process = self._running.pop()
        process.terminate()
        process.wait(120)

    def end(self) -> None:
        """End all processes."""
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            process.wait(120)

    def _start(self, name: str, command: list[str], more: Mapping[str, str] | None = None) -> tuple[subprocess.Popen[bytes], Path]:
        path = self._folder / f"{name}.log"
        environment = {**os.environ, "SPARK_HOME": str(_HOME), "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.getcwd()}
        environment["SPARK_DAEMON_JAVA_OPTS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # see tests/spark
        environment |= more or {}
        with open(path, "wb") as log:
            process = subprocess.Popen([str(_HOME / "bin" / "spark-class"), *command], stdout=log, stderr=log, env=environment)
        self._running.append(process)
        return process, path


def connect_port(log: Path) -> str | None:
    """The port that a Spark Connect server has found, once it says so."""
    match = re.search(r"Spark Connect server started at: \S*?:(\d+)\s", log.read_text())
    return match and match[1]


def wait_for(look: Callable[[], Any], seconds: float = _PATIENCE) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, f"nothing within {seconds:g} s"
        time.sleep(0.1)
    return value
