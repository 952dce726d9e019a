"""Tables of a run go to Iceberg, Delta and Hive as they lie, once each, whoever dies or comes at the same time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from rephrase import load_run
from rephrase.cli.main import main
from rephrase.config.run import Run, Spark
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.lakehouse import commit_tables, committed_tables
from rephrase.spark.stages.pipeline import STAGES, check, run_all
from rephrase.storage import tables
from tests.rephrase.spark.mixtures import HALVES

RUN_TABLES = ("documents", "judged", "mixture")
FORMATS = ("iceberg", "delta")
NOBODY = LazySession(Spark())  # a session that is not started: Iceberg and Delta need none


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, spark: LazySession, tokenizer_file: str) -> Path:
    """The run.yaml of a whole run, which registered its mixture as a Delta table as it ended."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("ebb", "flood"):
        pages = (f'{{"text": "Page {n} tells of the {name}, and has words to be told again.", "tide": "{name}"}}\n' for n in range(4))
        (folder / f"{name}.jsonl").write_text("".join([*pages, '{"text": "A page that nobody has labelled at all."}\n']))
    config = {
        "output": "out",
        "input": {"paths": ["*.jsonl"], "min_characters": 10, "labels": {"tide": {"field": "tide"}}},
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


@pytest.fixture
def run_of(made: Path, tmp_path: Path) -> Callable[..., Run]:
    """A function that gives a finished run in a folder of its own, with some of its tables for a lakehouse."""

    def copied(chosen: dict[str, Any], name: str = "out", **settings: Any) -> Run:
        output = tmp_path / name
        if not output.exists():
            shutil.copytree(made.parent / "out", output, ignore=shutil.ignore_patterns("_delta_log", "lakehouse"))
        return load_run(str(made), {"output": str(output), "tables": chosen, **settings})

    return copied


@pytest.fixture
def chosen(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A function that gives the section of tables of a format."""

    def section(form: str, *names: str) -> dict[str, Any]:
        names = names or ("mixture",)
        if form != "iceberg":
            return {name: {"format": form, **({"name": f"lake.{name}"} if form == "hive" else {})} for name in names}
        catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/warehouse"}
        return {name: {"format": form, "name": f"local.lake.{name}", "catalog": catalog} for name in names}

    return section


def commit(run: Run) -> None:
    commit_tables(run, NOBODY, STAGES)


def held_by(run: Run, name: str = "mixture") -> list[dict[str, Any]]:
    """The rows of a lakehouse's table, in a fixed order."""
    settings: Any = run.tables[name]  # type: ignore[index]
    if settings.format == "delta":
        from deltalake import DeltaTable

        return rows(pa.table(DeltaTable(f"{run.output}/{name}").to_pyarrow_table()))
    return rows(iceberg(run, name).scan().to_arrow())


def iceberg(run: Run, name: str = "mixture") -> Any:
    from pyiceberg.catalog import load_catalog

    settings: Any = run.tables[name]  # type: ignore[index]
    return load_catalog("local", **settings.catalog).load_table(settings.name.removeprefix("local."))


def made_by(run: Run, name: str = "mixture") -> list[dict[str, Any]]:
    """The rows of the run's own table."""
    return rows(tables.read_folder(f"{run.output}/{name}"))


def rows(table: pa.Table) -> list[dict[str, Any]]:
    # pyiceberg reads a list of structs that is null as one that is empty.
    plain = ({name: value or None if name in ("labels", "parts") else value for name, value in row.items()} for row in table.to_pylist())
    return sorted(plain, key=lambda row: (row["id"], row.get("epoch")))


def test_a_whole_run_ends_with_it(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load_run(str(made))
    assert held_by(run) == made_by(run)
    main(["status", str(made)])
    assert f"mixture: the table delta {run.output}/mixture holds 1 object" in capsys.readouterr().out.replace("\n", " ")
    main(["tables", str(made)])
    assert "holds all of it, nothing to do" in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMATS)
def test_rows_are_those_of_the_run_and_once(form: str, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    run = run_of(chosen(form, *RUN_TABLES))
    check(run)
    commit(run)
    commit(run)
    for name in RUN_TABLES:
        assert held_by(run, name) == made_by(run, name), name
    assert any(row["labels"] for row in held_by(run))
    assert [(each.table, each.unfinished) for each in committed_tables(run)] == [(name, False) for name in RUN_TABLES]
