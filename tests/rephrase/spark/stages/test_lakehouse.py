"""Tables of a run go to Iceberg, Delta and Hive as they lie, once each, whoever dies or comes at the same time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from rephrase import UserError, load_run
from rephrase.cli.main import main
from rephrase.config.run import Run
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.lakehouse import commit_tables, committed_tables, withdraw_tables
from rephrase.spark.stages.pipeline import STAGES, run_all
from rephrase.storage import tables
from tests.rephrase.spark.mixtures import HALVES

RUN_TABLES = ("documents", "judged", "mixture")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, spark: LazySession, tokenizer_file: str) -> Path:
    """The run.yaml of a whole run, whose mixture its own end registered as a Delta table."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("ebb", "flood"):
        pages = (f'{{"text": "Page {n} tells of the {name}, and has words to be told again.", "n": "{n}"}}\n' for n in range(4))
        (folder / f"{name}.jsonl").write_text("".join(pages))
    config = {
        "output": "out",
        "input": {"paths": ["*.jsonl"], "min_characters": 10, "fields": {"labels": {}} if False else {}},
        "tokenizer": tokenizer_file,
        "engine": {"kind": "echo"},
        "recipes": ["wrap/easy"],
        "filter": {"checks": ["finished"]},
        "mix": {"components": HALVES},
        "tables": {"mixture": {"format": "delta"}},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    run_all(load_run(str(folder / "run.yaml")), spark)
    return folder / "run.yaml"


def test_x(made: Path) -> None:
    from deltalake import DeltaTable

    out = str(made.parent / "out")
    table = DeltaTable(f"{out}/mixture")
    assert rows(table.to_pyarrow_table()) == rows(tables.read_folder(f"{out}/mixture"))


def rows(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: (row["id"], row.get("epoch")))
