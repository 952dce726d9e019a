"""Tables of a run go to Iceberg, Delta and Hive as they lie, once each, whoever dies or comes at the same time."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from rephrase import UserError, load_run, records, storage
from rephrase.cli.main import main
from rephrase.config.published import published
from rephrase.config.run import Run, Spark
from rephrase.doctor.check import run_checks
from rephrase.doctor.checks.lakehouse import TABLES
from rephrase.doctor.site import Site
from rephrase.lakehouse.journal import check_unshared
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.lakehouse import commit_tables, committed_tables, withdraw_tables
from rephrase.spark.stages.pipeline import STAGES, check, run_all
from rephrase.storage import tables
from tests.places import ROOT
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
    store = {"s3.endpoint": os.environ["AWS_ENDPOINT_URL"]}
    return load_catalog("local", **store, **settings.catalog).load_table(settings.name.removeprefix("local."))


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
    printed = capsys.readouterr().out.replace("\n", "").replace(" ", "")  # a long path is broken anywhere
    assert f"mixture:thetabledelta{run.output}/mixtureholds1object" in printed
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


def test_history_tells_of_the_run_and_the_catalog_keeps_its_own_settings(
    run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]
) -> None:
    run = run_of(chosen("iceberg"))
    commit(run)
    table = iceberg(run)
    (snapshot,) = table.snapshots()
    assert snapshot.summary["rephrase.run"] == run.output
    assert snapshot.summary["rephrase.table"] == "mixture"
    assert "commit.retry.num-retries" not in table.properties
    assert "catalog.db" not in json.dumps(published(run)), "its properties may be secret"


KILLED = """
import os, signal, sys
from rephrase import load_run
from rephrase.config.run import Spark
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.lakehouse import commit_tables
from rephrase.spark.stages.pipeline import STAGES

form, when, *words = sys.argv[1:]
if form == "iceberg":
    from pyiceberg.catalog.sql import SqlCatalog as owner
    name = "commit_table"
else:
    from deltalake import DeltaTable as owner
    name = "create_write_transaction"
real = getattr(owner, name)

def killed(*arguments, **options):
    if when == "after":
        real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killed)
import json
run = load_run(words[0], json.loads(words[1]))
commit_tables(run, LazySession(Spark()), STAGES)
"""


class Killed(BaseException):
    """What no program catches."""


def killed_here(form: str, when: str, run: Run) -> None:
    """A commit that ends in this process, with what it has in memory, before the table has taken it or after."""
    module, owner, name = {
        "iceberg": ("pyiceberg.catalog.sql", "SqlCatalog", "commit_table"),
        "delta": ("deltalake", "DeltaTable", "create_write_transaction"),
    }[form]
    kind: Any = getattr(importlib.import_module(module), owner)
    real = getattr(kind, name)

    def killed(*arguments: Any, **options: Any) -> None:
        if when == "after":
            real(*arguments, **options)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, name, killed)
        with pytest.raises(Killed):
            commit(run)


def killed_in_a_process(form: str, when: str, made: Path, run: Run, section: dict[str, Any]) -> None:
    settings = json.dumps({"output": run.output, "tables": section})
    killed = subprocess.run([sys.executable, "-c", KILLED, form, when, str(made), settings], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.parametrize("is_real", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_commit_that_is_killed_counts_once(
    form: str, when: str, is_real: bool, made: Path, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]
) -> None:
    run = run_of(chosen(form))
    if is_real:
        killed_in_a_process(form, when, made, run, chosen(form))
    else:
        killed_here(form, when, run)
    assert [each.unfinished for each in committed_tables(run)] == [True]
    assert len(held_by(run)) == (0 if when == "before" else len(made_by(run))), "nothing or all"
    commit(run)
    commit(run)
    assert held_by(run) == made_by(run)
    assert [each.unfinished for each in committed_tables(run)] == [False]


@pytest.mark.parametrize("form", FORMATS)
def test_two_at_once_commit_it_once(form: str, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    run = run_of(chosen(form))
    with ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(commit, run) for _ in range(3)]:
            one.result()
    assert held_by(run) == made_by(run)


@pytest.mark.parametrize("form", FORMATS)
def test_whoever_comes_second_sees_the_first(
    form: str, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other commits the same between the look at the table and the commit."""
    run, turns = run_of(chosen(form)), []
    kind: Any = sys.modules[f"rephrase.lakehouse.{form}"]._Table
    real = kind.commit

    def late(lake: Any, *arguments: Any) -> bool:
        turns.append(lake)
        if len(turns) == 1:
            commit(run)
            result: bool = real(lake, *arguments)
            assert result is False
            return result
        return bool(real(lake, *arguments))

    monkeypatch.setattr(kind, "commit", late)
    commit(run)
    assert len(turns) == 2
    assert held_by(run) == made_by(run)


@pytest.mark.parametrize("form", FORMATS)
def test_a_table_that_grows_is_followed(form: str, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    """As verdicts do where a budget ended the run, and a later one went on."""
    run = run_of(chosen(form, "judged"))
    objects = tables.objects(f"{run.output}/judged")
    assert len(objects) > 1
    for table in ("generations", "judged"):  # what a run that ended early has
        last = tables.objects(f"{run.output}/{table}")[-1]
        os.rename(last, f"{last}.later")
    commit(run)
    assert held_by(run, "judged") == made_by(run, "judged")
    for table in ("generations", "judged"):
        last = next(Path(run.output, table).glob("*.later"))
        last.rename(str(last).removesuffix(".later"))
    commit(run)
    assert held_by(run, "judged") == made_by(run, "judged")
    assert len(held_by(run, "judged")) > 0


def test_what_others_rewrote_is_not_added_again(run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    run = run_of(chosen("iceberg", "documents"))
    commit(run)
    table = iceberg(run, "documents")
    table.overwrite(table.scan().to_arrow())
    commit(run)
    assert held_by(run, "documents") == made_by(run, "documents")
    with pytest.raises(UserError, match="no part of the table any more"):
        withdraw_tables(run, NOBODY)


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_table_holds_is_kept_until_it_is_withdrawn(
    form: str, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]
) -> None:
    run = run_of(chosen(form))
    commit(run)
    with pytest.raises(UserError, match=rf"part of the table {form}.*rephrase tables run.yaml --withdraw"):
        check_unshared(run.output, "judged", "mixture")
    withdraw_tables(run, NOBODY)
    assert held_by(run) == []
    check_unshared(run.output, "judged", "mixture")
    commit(run)
    assert held_by(run) == made_by(run)


@pytest.mark.parametrize("form", ["delta", pytest.param("iceberg", marks=pytest.mark.long)])
def test_what_a_table_holds_is_not_replaced_before_it_is_withdrawn(
    form: str, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]], spark: LazySession
) -> None:
    run = run_of(chosen(form, "judged", "mixture"))
    commit(run)
    before = made_by(run)
    other = run_of(chosen(form, "judged", "mixture"), **{"mix.seed": 7})
    with pytest.raises(UserError, match=rf"part of the table {form}.*rephrase tables run.yaml --withdraw"):
        run_all(other, spark, replace=True)
    assert held_by(run) == made_by(run) == before
    withdraw_tables(run, NOBODY)
    assert held_by(run) == []
    run_all(other, spark, replace=True)
    assert held_by(other) == made_by(other) != before
    withdraw_tables(run, NOBODY)
    withdraw_tables(run, NOBODY)
    assert held_by(run) == []


def test_runs_share_a_table_of_iceberg(run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    one, other = run_of(chosen("iceberg"), "one"), run_of(chosen("iceberg"), "other")
    commit(one)
    commit(other)
    assert len(held_by(one)) == 2 * len(made_by(one))
    withdraw_tables(one, NOBODY)
    assert held_by(one) == made_by(other)


def test_a_table_that_was_dropped_is_begun_anew(run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    run = run_of(chosen("iceberg"))
    commit(run)
    iceberg(run).catalog.drop_table("lake.mixture")
    with pytest.raises(UserError, match="not the table that the config names"):
        withdraw_tables(run, NOBODY)
    commit(run)
    assert held_by(run) == made_by(run)


def test_mistakes_are_told(
    made: Path, run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"tables\.screened.*no table screened.*no section `screen`"):
        check(run_of(chosen("delta", "screened")))
    run = run_of(chosen("iceberg"))
    os.unlink(f"{run.output}/mixture/_manifest.json")
    with pytest.raises(UserError, match=r"mixture is not finished.*rephrase mix run\.yaml"):
        commit(run)
    from pyiceberg.catalog import load_catalog

    judged: Any = chosen("iceberg", "judged")
    catalog = load_catalog("local", **judged["judged"]["catalog"])
    catalog.create_namespace("lake")
    catalog.create_table("lake.judged", pa.schema([("id", pa.string()), ("text", pa.int64())]))
    with pytest.raises(UserError, match=r"lacks columns of the run's: `recipe` \(string\)"):
        commit(run_of(judged))
    catalog.drop_table("lake.judged")
    catalog.create_table("lake.judged", tables.read_folder(f"{run.output}/judged").schema.set(0, pa.field("id", pa.int64())))
    with pytest.raises(UserError, match=r"its column `id` is long, and the run's is string"):
        commit(run_of(judged))
    catalog.drop_table("lake.judged")
    schema = tables.read_folder(f"{run.output}/judged").schema
    catalog.create_table("lake.judged", schema.append(pa.field("team", pa.string(), nullable=False)))
    with pytest.raises(UserError, match=r"each row of the table must have `team`.*make these columns optional"):
        commit(run_of(judged))
    catalog.drop_table("lake.judged")
    catalog.create_table("lake.judged", schema.append(pa.field("team", pa.string())))
    commit(run_of(judged))
    there = held_by(run_of(judged), "judged")
    assert {row.pop("team") for row in there} == {None}
    assert there == made_by(run, "judged")
    judged["judged"]["catalog"]["uri"] = "sqlite:////nowhere/at/all.db"
    with pytest.raises(UserError, match=r"iceberg local\.lake\.judged.*unable to open database"):
        commit(run_of(judged))
    for package in ("pyiceberg", "deltalake"):
        monkeypatch.setitem(sys.modules, package, None)
    for form, extra in (("iceberg", "iceberg"), ("delta", "delta")):
        with pytest.raises(UserError, match=rf"pip install 'rephrase\[{extra}\]'"):
            check(run_of(chosen(form, "judged")))


def test_a_catalog_that_nobody_has_described_is_told_before_the_run(run_of: Callable[..., Run]) -> None:
    run = run_of({"mixture": {"format": "iceberg", "name": "prod.web.mixture"}, "judged": {"format": "delta"}})
    with pytest.raises(UserError, match=r"tables\.mixture.*iceberg prod\.web\.mixture.*PYICEBERG_CATALOG__PROD__URI.*under `catalog`"):
        check(run)
    findings = [(each.status, each.text) for each in run_checks([TABLES], Site(run))]
    assert [status for status, _ in findings] == ["fail", "ok"]
    assert "iceberg prod.web.mixture" in findings[0][1]


def test_trials_are_not_committed(run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]]) -> None:
    run = run_of(chosen("delta"), limit={"documents": 2})
    commit(run)
    assert not Path(run.output, "mixture", "_delta_log").exists()


@pytest.mark.parametrize("form", ["delta", pytest.param("iceberg", marks=pytest.mark.long)])
def test_objects_in_a_store_are_registered_there(form: str, made: Path, bucket: str, chosen: Callable[..., dict[str, Any]]) -> None:
    for file in storage.list_files(str(made.parent / "out" / "mixture")):
        if "_delta_log" not in file.path:
            storage.put(f"{bucket}/out/mixture{file.path.removeprefix(str(made.parent / 'out' / 'mixture'))}", storage.read(file.path))
    section = chosen(form)
    if form == "iceberg":
        section["mixture"]["catalog"]["warehouse"] = f"{bucket}/warehouse"
    run = load_run(str(made), {"output": f"{bucket}/out", "tables": section})
    commit(run)
    commit(run)
    if form == "iceberg":
        assert held_by(run) == made_by(run)
    else:
        from deltalake import DeltaTable

        options = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"], "AWS_ALLOW_HTTP": "true"}
        assert DeltaTable(f"{bucket}/out/mixture", storage_options=options).count() == len(made_by(run))


def test_hive_has_a_partition_for_each_run(run_of: Callable[..., Run], chosen: Callable[..., dict[str, Any]], spark: LazySession) -> None:
    """In the catalog of the shared session; `test_lakehouse_hive.py` has a metastore."""
    one, other = run_of(chosen("hive"), "one"), run_of(chosen("hive"), "other")
    for run in (one, one, other):
        commit_tables(run, spark, STAGES)
    by_run: dict[str, list[dict[str, Any]]] = {}
    for row in spark.get().table("lake.mixture").toArrow().to_pylist():
        by_run.setdefault(row.pop("run"), []).append(row)
    assert [rows(pa.Table.from_pylist(each, records.MIXTURE)) for each in by_run.values()] == [made_by(one), made_by(other)]
    withdraw_tables(one, spark)
    assert rows(spark.get().table("lake.mixture").drop("run").toArrow()) == made_by(other)
    commit_tables(one, spark, STAGES)
    assert spark.get().table("lake.mixture").count() == 2 * len(made_by(one))
    spark.get().sql("CREATE TABLE lake.owner LIKE lake.mixture")
    with pytest.raises(UserError, match="the table owns its files"):
        commit_tables(run_of({"mixture": {"format": "hive", "name": "lake.owner"}}), spark, STAGES)
    spark.get().sql("CREATE TABLE lake.plain (id string) USING parquet")
    with pytest.raises(UserError, match=r"hive lake\.plain: the table lacks columns"):
        commit_tables(run_of({"mixture": {"format": "hive", "name": "lake.plain"}}), spark, STAGES)
    spark.get().sql("DROP DATABASE lake CASCADE")
