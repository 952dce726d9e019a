"""The worked example of docs/mixtures.md: its plan is as printed there, and all of its numbers are in the mixture."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rephrase.cli.mix_plan import show_plan
from rephrase.cli.mix_tables import print_plan
from rephrase.config.file import load_run
from rephrase.labels import as_mapping
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.manifest import mixture_manifest
from rephrase.spark.stages.mix.stage import mix, plan_of
from rephrase.spark.stages.shard.stage import shard
from rephrase.storage import tables
from tests.places import EXAMPLES, ROOT

PAGE = (ROOT / "docs" / "mixtures.md").read_text(encoding="utf-8")


def test_the_example_is_as_the_page_tells(spark: LazySession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load_run(str(EXAMPLES / "grid.yaml"), {"output": str(tmp_path)})
    shard(run, spark)
    capsys.readouterr()
    show_plan(run, spark, as_json=True)
    told = json.loads(capsys.readouterr().out)
    folder = str(tmp_path / "mixture")
    mix(run, spark)
    manifest, plan = mixture_manifest(folder), plan_of(folder)
    for key in ("rows", "tokens", "repeated_tokens", "components", "curves"):
        assert manifest[key] == told[key], key
    rows = [row for path in tables.objects(f"{folder}/data") for row in tables.read(path).to_pylist()]
    check_cells(told, rows)
    assert plan is not None
    print_plan(run.mix, plan)
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    block = PAGE.partition("```text\noriginal by topic and quality")[2].partition("\n```")[0]
    assert f"original by topic and quality{block}" in printed
    available = sum(cell["available_tokens"] for cell in told["components"])
    assert f"asks for 8,000 tokens of the {available:,} that there are" in PAGE.replace("\n", " ")


def check_cells(plan: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Each cell's tokens, from the rows and the lines of the example's input: quantiles are told by their tokens alone."""
    lines = [json.loads(line) for line in (EXAMPLES / "crawl" / "paragraphs.jsonl").read_text(encoding="utf-8").splitlines()]
    quality = {line["text"]: line["quality"] for line in lines}
    assert sum(row["n_tokens"] for row in rows if row["epoch"]) == plan["repeated_tokens"]
    for topic, weight in (("science", 4), ("history", 3), ("home", 2), ("computing", 1)):
        mine = [row for row in rows if as_mapping(row["labels"])["topic"] == topic]
        cells = sorted((cell for cell in plan["components"] if cell["cell"]["topic"] == topic), key=lambda cell: cell["cell"]["quality"])
        assert sum(cell["target_tokens"] for cell in cells) == pytest.approx(800 * weight, abs=5)
        by_quality = Counter[float]()
        for row in mine:
            by_quality[quality[row["text"]]] += row["n_tokens"]
        taken = iter(sorted(by_quality.items()))
        for cell in cells:  # the texts of a cell stand together, from the lowest on
            count = 0
            while count < cell["tokens"]:
                count += next(taken)[1]
            assert count == cell["tokens"]
        assert next(taken, None) is None
