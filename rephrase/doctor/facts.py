"""What a Python process can tell of itself and its executor, even where the package is another one or is missing.

Standard library only, functions only, and nothing of ours: executors get this file's code by value, and their own package is looked at.
"""

from __future__ import annotations

import glob
import hashlib
import importlib
import importlib.util
import itertools
import os
import pickle
import platform
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PACKAGES = ("rephrase", "classifiers")


def facts() -> dict[str, Any]:
    """Host, versions of Python and Spark, and the package as this process would import it. Versions are empty where there are none."""
    return {
        "host": socket.gethostname(),
        "time": time.time(),
        "python": platform.python_version(),
        "pyspark": version_in("pyspark", "version.py"),
        "package": version_in("rephrase", "__init__.py"),
        "place": place_of("rephrase"),
        "digest": digest_of_packages(),
    }


def place_of(package: str) -> str:
    """The folder that a package would be imported from; empty where it is not there."""
    spec = importlib.util.find_spec(package)
    return os.path.dirname(spec.origin) if spec is not None and spec.origin else ""


def version_in(package: str, file: str) -> str:
    """The `__version__` that stands in a file of a package, which is not imported; empty where there is none."""
    try:
        text = Path(place_of(package), file).read_text(encoding="utf-8")
    except OSError:
        return ""
    match = re.search(r"""^__version__[^=\n]*=\s*["']([^"']+)["']""", text, re.MULTILINE)
    return match[1] if match else ""


def digest_of_packages() -> str:
    """Names the source of our packages, data files included: 12 hex digits, the same wherever it lies. Empty where one is missing."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        place = place_of(package)
        if not place:
            return ""
        for path in sorted(Path(place).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                digest.update(f"{package}/{path.relative_to(place)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def executor_here() -> dict[str, Any]:
    """The executor that this process works for: its process id, Spark's number of it, its Java and its Spark, as far as /proc tells."""
    pid = os.getpid()
    while pid > 1:
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            break
        if name == "java":
            return {"pid": pid, **_jvm(pid)}
        pid = int(status[status.rindex(")") + 2 :].split()[1])
    return {"pid": os.getpid(), "number": "", "java": "", "spark": ""}


def _jvm(pid: int) -> dict[str, str]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        java = java_version(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        words, java = [], ""
    options = dict(itertools.pairwise(words))
    places = options.get("-cp", options.get("-classpath", "")).split(":")
    jars = [jar for place in places if place.endswith("*") for jar in glob.glob(place[:-1] + "spark-core_*.jar")]
    match = re.search(r"spark-core_[\d.]+-(.+)\.jar$", jars[0]) if jars else None
    return {"number": options.get("--executor-id", ""), "java": java, "spark": match[1] if match else ""}


def java_version(command: str) -> str:
    """The version of a Java that Spark can use, such as 17.0.9; empty where it lacks the vector module, or is none."""
    options = ["--add-modules=jdk.incubator.vector", "-XshowSettings:properties", "-version"]
    try:
        told = subprocess.run([command, *options], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  # a Java
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"^ *java\.version = (\S+)", told.stderr, re.MULTILINE)
    return match[1] if match and told.returncode == 0 else ""


def visit(site: bytes, module: str, token: str, seen: list[str], hold: float) -> dict[str, Any] | None:
    """In a task: what there is to tell of its executor, once for each that is not among those `seen`; None for all other tasks.

    `module` is that of ours which makes the findings of a pickled `site`. Each task lasts `hold` seconds at least, so that the next ones
    go to executors that have none.
    """
    executor = executor_here()
    name = f"{socket.gethostname()}-{executor['pid']}"
    if name in seen:
        return None
    claim = socket.socket(socket.AF_UNIX)
    started = time.monotonic()
    try:
        # In the kernel alone, as there may be no disk to write on; hashed, as such a name has 107 bytes at most.
        claim.bind(f"\0rephrase-{hashlib.sha256(f'{token}-{name}'.encode()).hexdigest()[:32]}")
    except OSError:  # another task of this executor has it
        claim.close()
        time.sleep(hold)
        return None
    vars(sys).setdefault("_rephrase_claims", []).append(claim)  # for as long as this worker lives: tasks that come later find it taken
    report: dict[str, Any] = {"name": name, **executor, **facts(), "findings": [], "fault": ""}
    try:
        report["findings"] = importlib.import_module(module).findings_here(pickle.loads(site))  # noqa: S301  # the driver's own
    except Exception as error:  # noqa: BLE001  # of another version of the package, or a plugin that is missing
        report["fault"] = f"{type(error).__name__}: {error}"
    time.sleep(max(0.0, hold - (time.monotonic() - started)))
    return report
