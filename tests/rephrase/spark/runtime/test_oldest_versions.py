"""The oldest pyspark and pyarrow that pyproject.toml allows: what leans on internals of theirs works with them as with the newest."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[4]
PINS = ROOT / "infra" / "oldest.txt"
OLDEST = Path(sys.prefix) / "oldest"  # see infra/oldest.txt
HERE = "tests/rephrase/spark/runtime"
TESTS = [
    f"{HERE}/test_pyspark_internals.py",
    f"{HERE}/test_worker_daemon.py",
    f"{HERE}/test_task_reports.py::test_a_cancelled_task_does_not_take_what_it_got_for_its_whole_input",
]


def pins() -> dict[str, Version]:
    lines = (line for line in PINS.read_text().splitlines() if not line.startswith("#"))
    return {name: Version(version) for name, version in (line.split("==") for line in lines)}


def test_the_pins_are_the_lower_bounds_of_the_project():
    wanted = [Requirement(line) for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]]
    bounds = {one.name: Version(part.version) for one in wanted for part in one.specifier if part.operator == ">="}
    assert pins() == {name: bounds[name] for name in ("pyspark", "pyarrow")}


@pytest.mark.long
def test_what_leans_on_internals_works_with_the_oldest_versions():
    if not OLDEST.is_dir():
        (pytest.fail if "CI" in os.environ else pytest.skip)("the oldest versions are not installed: make .venv/.installed-oldest")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(OLDEST), str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment.pop("SPARK_HOME", None)  # a running session of this process has set it

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)

    versions = run("-c", "import pyspark, pyarrow; print(pyspark.__version__, pyarrow.__version__)")
    assert [Version(one) for one in versions.stdout.split()] == list(pins().values()), versions.stderr
    tests = run("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS)
    assert tests.returncode == 0, tests.stdout[-5000:] + tests.stderr[-2000:]
    assert "skipped" not in tests.stdout
