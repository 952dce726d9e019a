"""What must be the same on all machines: the package, Python, Spark and the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rephrase.doctor.checks.java import major_of
from rephrase.doctor.findings import Finding

_SKEW = 5.0  # seconds
_PACKAGE = "install the same version on all machines, from the same source, and take older copies off PYTHONPATH"


def compared(driver: Mapping[str, Any], executor: Mapping[str, Any]) -> Iterator[Finding]:
    """What the facts of an executor say beside those of the driver."""
    yield _package(driver, executor)
    yield _versions(driver, executor)
    yield from _clock(executor)


def _package(driver: Mapping[str, Any], executor: Mapping[str, Any]) -> Finding:
    ours, theirs = (f"rephrase {facts['package']} ({facts['digest']})" for facts in (driver, executor))
    if not executor["digest"]:
        lacks = "classifiers, which belongs to rephrase," if executor["place"] else "rephrase"
        return Finding(
            "package",
            "fail",
            f"the package {lacks} is not there",
            "pip install . in the checkout of rephrase, into the Python that executors use",
        )
    if executor["digest"] != driver["digest"]:
        return Finding("package", "fail", f"{theirs} in {executor['place']}, and the driver has {ours}", _PACKAGE)
    if executor["fault"]:
        return Finding(
            "package", "fail", f"{ours}, but the run cannot be read there: {executor['fault']}", "install its plugins there, too"
        )
    return Finding("package", "ok", f"{ours}, as on the driver")


def _versions(driver: Mapping[str, Any], executor: Mapping[str, Any]) -> Finding:
    differing = []
    for name, program in (("pyspark", "pyspark"), ("spark", "Spark"), ("python", "Python")):
        ours, theirs = driver["pyspark" if name == "spark" else name], executor[name]
        if theirs and theirs != ours:
            differing.append((program, theirs, ours))
    text = f"Spark {executor['spark'] or executor['pyspark']}, Java {executor['java'] or 'unknown'}, Python {executor['python']}"
    if any(program != "Python" for program, _, _ in differing):
        told = "; ".join(f"{program} {theirs}, and the driver has {ours}" for program, theirs, ours in differing)
        return Finding("versions", "fail", told, "install the same version of Spark and pyspark on all machines")
    if differing:  # another minor version Spark refuses by itself
        return Finding(
            "versions", "warn", f"{text}; the driver has Python {driver['python']}", "install the same version of Python everywhere"
        )
    if executor["java"] and driver.get("java") and major_of(executor["java"]) != major_of(driver["java"]):
        return Finding("versions", "warn", f"{text}; the driver has Java {driver['java']}", "install the same version of Java everywhere")
    return Finding("versions", "ok", f"{text}, as on the driver")


def _clock(executor: Mapping[str, Any]) -> Iterator[Finding]:
    skew = max(executor["asked"] - executor["time"], executor["time"] - executor["answered"])
    if skew > _SKEW:
        yield Finding("clock", "warn", f"its clock and the driver's differ by {skew:,.0f} s or more", "set the clocks by NTP (chrony)")
