"""The plan of docs/scale.md: its arithmetic, and what it says of our own defaults."""

from __future__ import annotations

import json
import re

import pytest

from bench.remote_store import VERBS
from rephrase.config.run import Dedup
from rephrase.planning.rates import published
from rephrase.spark.runtime.units import WINDOW
from tests.places import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
ACTIONS = {"PUT": "s3:PutObject", "GET": "s3:GetObject", "HEAD": "s3:GetObject", "LIST": "s3:ListBucket", "DELETE": "s3:DeleteObject"}


def values() -> dict[str, tuple[str, float]]:
    """By name: the formula, if there is one, and the value."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| (?:`([^`]+)` |)\| ([\d.e]+) \|", PAGE)
    return {name: (formula, float(value)) for name, formula, value in rows}


def test_formulas_give_the_values_that_stand_beside_them() -> None:
    known: dict[str, float] = {}
    for name, (formula, value) in values().items():
        known[name] = eval(formula, {"__builtins__": {}}, known) if formula else value  # of our own page
        assert known[name] == pytest.approx(value, rel=0.05), name
    assert len(known) == PAGE.count("\n| `")


def test_it_speaks_of_the_defaults_and_rates_that_there_are() -> None:
    known = {name: value for name, (_, value) in values().items()}
    assert known["bands"] == Dedup().bands
    assert known["benchmark_rate"] == published()["models"]["Qwen3-1.7B"]["default"]
    assert known["realised"] == published()["realised"]
    assert f"jobs of {WINDOW:,}, two at a time" in PAGE


def test_each_request_that_the_benchmark_counts_is_in_the_policy() -> None:
    policy = json.loads((ROOT / "infra/terraform/store/run-policy.json").read_text())
    actions = {
        action for each in policy["Statement"] for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert {ACTIONS[verb] for verb in VERBS} <= actions
