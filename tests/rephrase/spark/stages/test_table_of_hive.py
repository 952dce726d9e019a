"""A partitioned table of a real Hive metastore, read by runs whose executor and driver are killed, while the table grows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from rephrase.config.file import load_run
from rephrase.config.run import Run
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.shard.stage import shard
from tests.places import ROOT
from tests.rephrase.spark.stages.lake import FIELDS, documents, rows
from tests.rephrase.spark.standalone import wait_for

_SQL = """
import json, sys
from rephrase.config.run import Spark
from rephrase.spark.runtime.session import LazySession
conf, statements = json.loads(sys.argv[1])
spark = LazySession(Spark(master="local[2]", conf=conf))
for statement in statements:
    spark.get().sql(statement)
spark.stop()
"""
_INSERT = "INSERT INTO web.{} SELECT /*+ REPARTITION(6) */ text, doc_id, about, lang FROM parquet.`{}`"


def _hive(folder: Path) -> dict[str, Any]:
    return {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
        "spark.hadoop.hive.exec.dynamic.partition.mode": "nonstrict",
        "spark.executor.memory": "1g",
    }


def _sql(folder: Path, *statements: str) -> None:
    command = [sys.executable, "-c", _SQL, json.dumps([_hive(folder), statements])]
    subprocess.run(command, check=True, timeout=180, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)})


def _config(folder: Path, name: str, source: dict[str, Any]) -> Path:
    content = {
        "output": str(folder / name),
        "input": {**source, "fields": FIELDS, "min_characters": 3},
        "tokenizer": str(ROOT / "examples" / "tokenizer.json"),
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "spark": {"conf": _hive(folder)},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _executors(temporary: Path) -> list[int]:
    """The processes of executors whose driver has this folder for temporary files."""
    there = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # one that has just ended
            words, variables = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            if b"CoarseGrainedExecutorBackend" in words and f"TMPDIR={temporary}".encode() in variables:
                there.append(int(process.name))
    return there


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, spark: LazySession) -> Path:
    """A folder with a metastore, two tables of the same rows, and `plain`: the documents of their files, named as paths."""
    folder = tmp_path_factory.mktemp("hive")
    pq.write_table(rows(0, 3000), folder / "first.parquet")
    pq.write_table(rows(3000, 3100), folder / "later.parquet")
    columns = "text string, doc_id bigint, about struct<url: string, marks: map<string, string>, price: string>"
    tables = [f"CREATE TABLE web.{name} ({columns}) PARTITIONED BY (lang string) STORED AS {form}" for name, form in
              (("pages", "parquet"), ("columns", "orc"))]  # fmt: skip
    filled = [_INSERT.format(name, folder / "first.parquet") for name in ("pages", "columns")]
    _sql(folder, "CREATE DATABASE web", *tables, *filled)
    shard(_plain(folder), spark)
    return folder


def _plain(folder: Path) -> Run:
    return load_run(str(_config(folder, "plain", {"paths": [str(folder / "warehouse" / "web.db" / "pages")]})))


@pytest.mark.long
@pytest.mark.parametrize("table", ["pages", "columns"])
def test_kills_and_a_growing_table_change_nothing(tmp_path: Path, lake: Path, table: str) -> None:
    """`pages` is read by its own files, `columns` through a copy."""
    path = _config(lake, table, {"table": f"web.{table}"})
    output = lake / table
    command = [sys.executable, "-m", "rephrase.cli.main", "shard", str(path), "--master", "local-cluster[2,1,1024]"]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with (lake / f"{table}.log").open("wb") as log:
        driver = subprocess.Popen(command, stdout=log, stderr=log, cwd=lake, env=settings, start_new_session=True)
        try:
            wait_for(lambda: driver.poll() is not None or [*output.glob("_table/*.parquet"), *output.glob("_extracted/*.parquet")])
            os.kill(_executors(tmp_path)[0], signal.SIGKILL)
            wait_for(lambda: driver.poll() is not None or list(output.glob("_extracted/*.parquet")))
            assert driver.poll() is None, (lake / f"{table}.log").read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)
            driver.wait(30)
    assert not list(output.glob("documents/part-*.parquet")), "it was killed midway"
    _sql(lake, _INSERT.format(table, lake / "later.parquet"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=lake, env=settings, check=False)
    assert done.returncode == 0, done.stderr
    assert documents(load_run(str(path))) == documents(_plain(lake))
