"""What of an order would fail on its cluster, told before it is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from classifiers.settings import Filter, Screen
from rephrase import storage
from rephrase.config.run import Run
from rephrase.doctor.archive import of_archive
from rephrase.doctor.findings import Finding, failure
from rephrase.errors import UserError
from rephrase.settings.paths import EarlierRun, EncoderModel, FastTextModel, File, LanguageModel, Model, paths_in
from rephrase.settings.section import Section
from rephrase.submit.order import Order
from rephrase.submit.targets.spark_submit import spark_home

_NEEDED = (File, FastTextModel, LanguageModel, EncoderModel, Model, EarlierRun)
"""What sections name that tasks read."""


def findings(order: Order, target: str) -> Iterator[Finding]:
    """What fits and what does not, of the archive, of the Spark that submits, and of paths."""
    drives = target == "standalone" or (target == "yarn" and not order.cluster_mode)
    if order.archive and not order.archive.endswith(".whl"):
        yield from of_archive(order.archive, order.run, drives=drives, with_engines=order.holds_devices)
    if target in ("standalone", "yarn", "k8s"):
        yield _spark()
    local = local_paths(order.run)
    if local:
        text = f"{', '.join(local)}: on the disk of this machine"
        yield Finding("paths", "warn", text, "every machine of the cluster needs them at the same path; s3:// URLs are reached from all")


def local_paths(run: Run) -> list[str]:
    """The keys of a run that name a file or a folder of this machine."""
    engines = {f"engines.{name}" if run.engines else "engine": engine for name, engine in run.all_engines.by_name.items()}
    named = {"output": [run.output], "input.paths": list(run.input.paths) if run.input else [], "tokenizer": [run.tokenizer]}
    named |= {f"{place}.{key}": [str(getattr(engine, key, ""))] for place, engine in engines.items() for key in ("model", "path")}
    sections = {"input.scrub": getattr(run.input, "scrub", None), "screen": run.screen, "filter": run.filter, "dedup": run.dedup}
    named |= {
        name: [path for kind in _NEEDED for path in _paths_in(section, kind)]
        for name, section in sections.items()
        if isinstance(section, Section)
    }
    return [f"`{key}`" for key, paths in named.items() if any(path.startswith("/") and storage.is_local(path) for path in paths)]


def _paths_in(section: Section, kind: Any) -> list[str]:
    """The paths of a kind in a section, and in the checks that it lists."""
    checks = (section.checks or ()) if isinstance(section, Filter | Screen) else ()
    parts = [section, *(inner for check in checks for _, inner in check.sections())]
    return [path for part in parts for path in paths_in(part, kind)]


def _spark() -> Finding:
    """The jars of the Spark that submits are of pyspark's version."""
    try:
        home = spark_home()
    except UserError as error:
        return failure("spark", error)
    jar = next((home / "jars").glob("spark-core_*.jar")).name
    match = re.search(r"spark-core_[\d.]+-(.+)\.jar", jar)
    theirs, ours = match[1] if match else "", version("pyspark")
    if theirs != ours:
        cure = "set SPARK_HOME to a Spark of the same version, or unset it"
        return Finding("spark", "fail", f"Spark {theirs} in {home}, and the driver has pyspark {ours}", cure)
    return Finding("spark", "ok", f"Spark {theirs} in {home}")
