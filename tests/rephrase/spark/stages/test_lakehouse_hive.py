"""A real metastore of Hive, on Derby, takes a run's tables over by the command, once, and keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rephrase.storage import tables
from tests.places import ROOT
from tests.rephrase.spark.mixtures import HALVES

READ = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
for name, value in (word.split("=", 1) for word in sys.argv[1:]):
    builder = builder.config(name, value)
table = builder.getOrCreate().table("lake.mixture")
print("ROWS", table.count(), table.select("run").distinct().count(), table.where("size(labels) > 0").count())
"""


@pytest.mark.long
def test_a_metastore_keeps_the_partition(tmp_path: Path, tokenizer_file: str) -> None:
    (tmp_path / "pages.jsonl").write_text("".join(f'{{"text": "Page {n} has words to be told again.", "n": "{n}"}}\n' for n in range(4)))
    conf = {
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={tmp_path}/metastore;create=true",
        "spark.sql.warehouse.dir": f"{tmp_path}/warehouse",
    }
    config = {
        "output": "out",
        "input": {"paths": "pages.jsonl", "min_characters": 10, "labels": {"n": {"field": "n"}}},
        "tokenizer": tokenizer_file,
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "filter": {"checks": ["finished"]},
        "mix": {"components": HALVES},
        "tables": {"mixture": {"format": "hive", "name": "lake.mixture"}},
        "spark": {"master": "local[1]", "conf": conf},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def python(*words: str) -> str:
        return subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    python("-m", "rephrase.cli.main", "run", "run.yaml")
    python("-m", "rephrase.cli.main", "tables", "run.yaml")
    mixture = tables.read_folder(f"{tmp_path}/out/mixture").to_pylist()
    read = python("-c", READ, *(f"{name}={value}" for name, value in conf.items()))
    assert f"ROWS {len(mixture)} 1 {sum(bool(row['labels']) for row in mixture)}" in read
    python("-m", "rephrase.cli.main", "tables", "run.yaml", "--withdraw")
    assert len(tables.read_folder(f"{tmp_path}/out/mixture")) == len(mixture), "objects stay where they are"
    assert "ROWS 0" in python("-c", READ, *(f"{name}={value}" for name, value in conf.items()))
