"""What executors tell of themselves beside the driver, and the lines that come of many of them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rephrase.cli.doctor_table import print_findings
from rephrase.doctor.alike import compared
from rephrase.doctor.examination import DRIVER, Placed
from rephrase.doctor.findings import Finding

DRIVERS = {
    "package": "0.2.0",
    "digest": "9a0cbe77f0d1",
    "place": "/opt/rephrase",
    "pyspark": "4.3.0",
    "python": "3.11.7",
    "java": "17.0.15",
}
SOUND = {**DRIVERS, "spark": "4.3.0", "fault": "", "asked": 1000.0, "time": 1001.0, "answered": 1003.0}


def told(**changes: Any) -> dict[str, Finding]:
    """The findings on an executor that differs so."""
    return {finding.check: finding for finding in compared(DRIVERS, {**SOUND, **changes})}


def test_an_executor_like_the_driver_is_well():
    findings = told()
    assert set(findings) == {"package", "versions"}
    assert all(finding.status == "ok" for finding in findings.values())


@pytest.mark.parametrize(
    ("changes", "check", "status", "text"),
    [
        ({"digest": "", "place": "", "package": ""}, "package", "fail", "the package rephrase is not there"),
        ({"digest": "2c21c6c0a1d4", "place": "/old/rephrase"}, "package", "fail", r"(2c21c6c0a1d4) in /old/rephrase, and the driver has"),
        ({"fault": "ModuleNotFoundError: No module named 'my_checks'"}, "package", "fail", "No module named 'my_checks'"),
        ({"pyspark": "4.1.0"}, "versions", "fail", "pyspark 4.1.0, and the driver has 4.3.0"),
        ({"spark": "4.1.0"}, "versions", "fail", "Spark 4.1.0, and the driver has 4.3.0"),
        ({"python": "3.11.2"}, "versions", "warn", "the driver has Python 3.11.7"),
        ({"java": "21.0.1"}, "versions", "warn", "the driver has Java 17.0.15"),
        ({"time": 940.0}, "clock", "warn", "differ by 60 s or more"),
        ({"time": 4603.0}, "clock", "warn", "differ by 3,600 s or more"),
    ],
)
def test_what_differs_is_told_with_its_cure(changes, check, status, text):
    finding = told(**changes)[check]
    assert finding.status == status
    assert text in finding.text
    assert finding.cure


def lines_of(placed: list[Placed]) -> list[str]:
    out = io.StringIO()
    print_findings(placed, Console(file=out, width=60))
    return out.getvalue().splitlines()


def test_where_nothing_is_to_mend_the_plan_comes_next():
    warned = [Placed(DRIVER, Finding("disk", "ok", "70 GB free")), Placed(DRIVER, Finding("shm", "warn", "67 MB free", "more"))]
    assert lines_of(warned)[-2:] == ["1 well, 1 to know", "next: `rephrase plan run.yaml` tells what it will cost"]
    failed = [*warned, Placed(DRIVER, Finding("model", "fail", "no such folder", "copy it"))]
    assert lines_of(failed)[-1] == "1 well, 1 to know, 1 to mend"


def test_many_executors_share_lines():
    names = [f"executor {number} (node-{number})" for number in range(8)]
    placed = [Placed(DRIVER, Finding("spark", "ok", "8 executors answer"))]
    for number, name in enumerate(names):
        placed.append(Placed(name, Finding("disk", "ok", f"{70 + number} GB free in /tmp")))
        placed.append(Placed(name, Finding("shm", "warn", "67 MB free in /dev/shm", "docker run --shm-size 8g")))
        placed.append(Placed(name, Finding("model", "fail" if number else "ok", f"/models/{number}: no such folder", "copy it")))
    lines = lines_of(placed)
    assert [line.split()[:2] for line in lines if not line.lstrip().startswith("cure")][:3] == [
        ["ok", "spark"],
        ["ok", "disk"],
        ["warn", "shm"],
    ]
    assert sum("disk" in line for line in lines) == 1
    assert "all 8" in next(line for line in lines if "shm" in line)
    assert sum(line.startswith("fail  model  executor ") for line in lines) == 5
    assert "2 more likewise" in "".join(lines)
    assert lines[-1].endswith("7 to mend")


def test_texts_of_others_cannot_steer_the_terminal():
    assert "\x1b" not in "".join(lines_of([Placed(DRIVER, Finding("endpoint", "fail", "\x1b[2J gone", "\x1b]0;x\x07"))]))
