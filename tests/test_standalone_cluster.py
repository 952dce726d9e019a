"""infra/standalone: a cluster of processes that belongs to its user alone, and that `down` ends, and nothing else."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pyspark

from tests.places import ROOT

STANDALONE = ROOT / "infra" / "standalone"


def call(name: str, *options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SPARK_HOME": str(Path(pyspark.__file__).parent), "PYTHONPATH": str(ROOT), "HIDDEN": "one-of-the-shell"}
    return subprocess.run(
        [STANDALONE / name, *map(str, options)], env=environment, capture_output=True, text=True, check=False, timeout=200
    )


def test_a_cluster_has_gpus_and_a_secret_and_ends_alone(tmp_path):
    folder = tmp_path / "cluster"
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = call("up", "--folder", folder, "--workers", 1, "--cores", 3, "--memory", "2g", "--gpus", 2)
        assert started.returncode == 0, started.stderr
        told = dict(line.split()[:2] for line in started.stdout.splitlines())
        with urlopen(f"{told['UI']}/json/") as answer:
            [worker] = json.load(answer)["workers"]
        assert (worker["cores"], worker["memory"], worker["resources"]["gpu"]["addresses"]) == (3, 2048, ["0", "1"])
        private = [folder, folder / "conf", folder / "conf" / "spark-defaults.conf", folder / "logs" / "master.log"]
        assert [path for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
        settings = dict(line.split() for line in (folder / "conf" / "spark-defaults.conf").read_text().splitlines() if line[:1] != "#")
        assert re.fullmatch("[0-9a-f]{48}", settings["spark.authenticate.secret"])
        processes = {name: int(number) for number, _, name in map(str.split, (folder / "processes").read_text().splitlines())}
        for number in processes.values():
            of_the_shell = Path(f"/proc/{number}/environ").read_bytes()
            assert b"PYTHONPATH" not in of_the_shell
            assert b"one-of-the-shell" not in of_the_shell
            assert settings["spark.authenticate.secret"].encode() not in Path(f"/proc/{number}/cmdline").read_bytes()
        again = call("up", "--folder", folder)
        assert (again.returncode, again.stdout) == (2, "")
        assert f"there is a cluster in {folder}" in again.stderr
        with (folder / "processes").open("a") as file:
            file.write(f"{sleeper.pid} 1 an-earlier-one-with-this-number\n")
        ended = call("down", "--folder", folder)
        assert ended.returncode == 0, ended.stderr
        assert [name for name, number in processes.items() if Path(f"/proc/{number}").exists()] == []
        assert sleeper.poll() is None, "its number has been used again"
        assert not folder.exists()
        assert call("down", "--folder", folder).returncode == 2
    finally:
        sleeper.kill()
        sleeper.wait()


def test_what_cannot_be_started_is_refused_before_anything_is():
    for options, message in (
        (["--workers", "0"], "--workers 0 is no whole number above 0"),
        (["--gpus", "some"], "--gpus some is neither a number nor `real`"),
        (["--connect", "no-such.tar.gz"], "there is no archive no-such.tar.gz"),
        (["--env", "NO_SUCH_VARIABLE"], "the variable NO_SUCH_VARIABLE is not set"),
        (["--wrong", "1"], "there is no option --wrong"),
    ):
        done = call("up", *options)
        assert done.returncode == 2
        assert message in done.stderr
