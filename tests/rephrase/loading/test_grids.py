"""Virtual mixtures of components that are divided by grids: the rows and the plan of the mixture that is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rephrase import storage
from rephrase.loading.reader import VirtualMixture
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.mix.virtual import virtual_mix
from tests.rephrase.loading.mixtures import mixture_of
from tests.rephrase.spark.mixtures import run_of
from tests.rephrase.spark.stages.test_mix_grids import REWRITES, planted, write_planted

ORIGINALS: dict[str, Any] = {
    "origin": "original",
    "by": ["topic", {"score": "quality", "quantiles": 4}],
    "weights": [
        {"topic": topic, "quality": step, "weight": step or 0, "max_epochs": 2}
        for topic in ("science", "sports", None)
        for step in (1, 2, 3, 4, None)
    ],
    "max_epochs": 3,
}
PHASES = [
    {"tokens": 14_000, "components": [ORIGINALS | {"share": 0.75}, REWRITES | {"share": 0.25}]},
    {"components": [ORIGINALS | {"tokens": 16_000}, REWRITES | {"tokens": 20_000}]},
]


def test_rows_and_plan_are_those_of_the_written_mixture(spark: LazySession, tmp_path: Path) -> None:
    write_planted(str(tmp_path))
    run = run_of(str(tmp_path), phases=PHASES)
    mix(run, spark)
    plan = virtual_mix(run, spark, part_rows=100)
    assert list(VirtualMixture(f"{tmp_path}/virtual", window_tokens=3000)) == mixture_of(str(tmp_path))
    written = json.loads(storage.read(f"{tmp_path}/mixture/{MANIFEST}"))
    assert [part.describe() for part in plan.components] == [
        {**part, "share": pytest.approx(part["share"])} for part in written["components"]
    ]
    repeated = sum(part["repeated_tokens"] for part in written["components"])
    assert plan.repeated_tokens == repeated > 0
    assert json.loads(Path(f"{tmp_path}/virtual/manifest.json").read_text())["plan"]["components"] == [
        part.describe() for part in plan.components
    ]


def test_texts_that_a_single_component_leaves_out(spark: LazySession, tmp_path: Path) -> None:
    write_planted(str(tmp_path))
    virtual_mix(run_of(str(tmp_path), max_synthetic_depth=0, components=[{"share": 1}]), spark)
    assert {row["id"] for row in VirtualMixture(f"{tmp_path}/virtual")} == {row["id"] for row in planted()[0]}
