"""The driver's Java: one that Spark can use."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence

from rephrase.doctor.check import Check
from rephrase.doctor.facts import facts, java_version
from rephrase.doctor.findings import Outcome
from rephrase.doctor.site import Site
from rephrase.errors import UserError

_OLDEST = 17
_CURE = "infra/java.sh finds or installs one and prints its folder, for JAVA_HOME; a Java 17 or newer with the module jdk.incubator.vector"


def _driver(site: Site) -> Sequence[str]:
    is_remote = (site.run.spark.master or "").startswith("sc://")
    return ["java"] if site.on_driver and not is_remote else []


def _look(_: str, site: Site) -> Outcome:
    del site
    home = os.environ.get("JAVA_HOME")
    command = os.path.join(home, "bin", "java") if home else shutil.which("java")  # as Spark's own script finds it
    if command is None or not os.path.exists(command):
        where = "JAVA_HOME" if home else "PATH"
        raise UserError(f"there is no Java in {home or 'any folder'}", where=where, cure=_CURE)
    version = java_version(command)
    if major_of(version) < _OLDEST:
        raise UserError(
            f"Java {version}: Spark needs {_OLDEST} or newer" if version else "Spark cannot use this Java", where=command, cure=_CURE
        )
    own = facts()
    return Outcome(f"Java {version}; Spark {own['pyspark']}, Python {own['python']}, rephrase {own['package']}")


def major_of(version: str) -> int:
    """The first number of a version of Java: 17 of `17.0.9`, 25 of `25-ea`; 0 where there is none."""
    match = re.match(r"\d+", version)
    return int(match[0]) if match else 0


JAVA = Check("java", _driver, _look)
