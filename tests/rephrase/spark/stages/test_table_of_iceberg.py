"""Iceberg tables by pyiceberg: deletes, renamed columns, partitions, conditions and time travel give the table's rows, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rephrase.config.run import Spark
from rephrase.errors import UserError
from rephrase.readers.settings import Input
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.input_table.opening import opened
from rephrase.spark.stages.shard.stage import shard
from tests.rephrase.spark.stages.lake import FIELDS, add_file, config, delete_positions, documents, errors, numbers, rows, texts_of

pytest.importorskip("pyiceberg")
from pyiceberg.utils.config import Config  # where it is installed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that a catalog on SQLite keeps its tables in; pyiceberg's variables name it `lake`."""
    folder = tmp_path_factory.mktemp("iceberg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYICEBERG_CATALOG__LAKE__URI", f"sqlite:///{folder}/catalog.db")
        patch.setenv("PYICEBERG_CATALOG__LAKE__WAREHOUSE", f"file://{folder}/warehouse")
        patch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # else read once a process, by whichever test came first
        _catalog().create_namespace("web")
        yield folder


def _catalog() -> Any:
    from pyiceberg.catalog import load_catalog

    return load_catalog("lake")


def _table(name: str, *, partitioned: bool = False) -> Any:
    table = _catalog().create_table(f"web.{name}", rows(0, 1).schema)
    if partitioned:
        with table.update_spec() as update:
            update.add_identity("lang")
    table.append(rows(0, 40))
    return table


def _made(spark: LazySession, place: Path, name: str, table: dict[str, Any], **settings: Any) -> Any:
    run = config(place / "runs" / name, {"format": "iceberg", **table}, **settings)
    shard(run, spark)
    return run


def test_a_table_gives_what_its_files_give_and_a_resumed_run_what_it_began_with(spark: LazySession, place: Path) -> None:
    table = _table("pages", partitioned=True)
    first = table.current_snapshot().snapshot_id
    plain = config(place / "runs" / "plain", paths=[str(place / "warehouse" / "web" / "pages" / "data")])
    shard(plain, spark)
    run = _made(spark, place, "own", {"name": "lake.web.pages"})
    assert documents(run) == documents(plain)
    assert errors(run) == ["the field `text` is null"] * 4
    table.append(rows(40, 50))
    for path in (place / "runs" / "own" / "documents").glob("part-*.parquet"):
        path.unlink()
    shard(run, spark)
    assert documents(run) == documents(plain)
    later = _made(spark, place, "german", {"name": "lake.web.pages", "where": "lang = 'de'"})
    assert numbers(later) == texts_of(range(0, 50, 2))
    by_location = _made(spark, place, "first", {"name": table.metadata_location, "version": first})
    assert documents(by_location) == documents(plain)
    with pytest.raises(UserError, match=rf"no snapshot `7` \(its last ones are: {first}, "):
        _made(spark, place, "none", {"name": "lake.web.pages", "version": 7})


def test_deleted_rows_are_no_documents(spark: LazySession, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    table = _table("deleted", partitioned=True)
    table.append(rows(40, 50))
    task = max(table.scan(row_filter="lang = 'de'").plan_files(), key=lambda task: int(task.file.record_count))
    delete_positions(table, task, [0, 2, 3], place)
    run = _made(spark, place, "deleted", {"name": "lake.web.deleted"})
    assert "2 of its 4 files are not its rows as they are: rows of it are deleted" in " ".join(capfd.readouterr().err.split())
    assert numbers(run) == [n for n in texts_of(range(50)) if n not in (0, 4, 6)]
    whole = numbers(_made(spark, place, "few", {"name": "lake.web.deleted", "where": "doc_id < 10"}))
    assert whole == [n for n in texts_of(range(10)) if n not in (0, 4, 6)]


def test_renamed_and_replaced_columns_are_those_of_the_snapshot(spark: LazySession, place: Path) -> None:
    table = _table("renamed")
    first = table.current_snapshot().snapshot_id
    with table.update_schema() as update:
        update.rename_column("text", "body")
        update.delete_column("lang")
    with table.update_schema() as update:
        update.add_column("lang", table.schema().find_type("body"))
    table.append(rows(40, 50).rename_columns(["body", "doc_id", "about", "lang"]))
    run = _made(spark, place, "renamed", {"name": "lake.web.renamed"}, fields={**FIELDS, "text": "body"})
    assert numbers(run) == texts_of(range(50))
    of_language = {row["language"]: 0 for row in documents(run) if int(dict(row["metadata"])["id"]) < 40}
    assert list(of_language) == [None], "the languages of the files are of a column that is no more"
    assert numbers(_made(spark, place, "before", {"name": "lake.web.renamed", "version": first})) == texts_of(range(40))
    with pytest.raises(UserError, match=r"no column `text`.*there are: body, doc_id, about, lang"):
        _made(spark, place, "mistaken", {"name": "lake.web.renamed"})


def test_a_column_that_its_partition_alone_holds_is_read(spark: LazySession, place: Path) -> None:
    table = _catalog().create_table("web.migrated", rows(0, 1).schema)
    with table.update_spec() as update:
        update.add_identity("lang")
    (place / "hive").mkdir()
    part = rows(0, 20).drop_columns(["lang"])
    path = f"{place}/hive/part-0.parquet"
    pq.write_table(part, path)
    add_file(table, path, part.num_rows, "fr")
    run = _made(spark, place, "migrated", {"name": "lake.web.migrated"})
    assert {row["language"] for row in documents(run)} == {"fr"}
    assert numbers(run) == texts_of(range(20))


def _opened(table: dict[str, Any], **fields: str) -> Any:
    asked = Input.model_validate({"table": {"format": "iceberg", **table}, "fields": fields})
    return opened(asked, LazySession(Spark()))


def test_a_column_that_was_renamed_last_has_its_new_name_but_in_the_past(place: Path) -> None:
    table = _table("turned")
    with table.update_schema() as update:
        update.rename_column("text", "body")
    now = _opened({"name": "lake.web.turned"}, text="body").first_rows(2).to_pylist()
    then = _opened({"name": "lake.web.turned", "version": table.current_snapshot().snapshot_id}).first_rows(2).to_pylist()
    assert [row["body"] for row in now] == [row["text"] for row in then] == ["The text of number 0.", "The text of number 1."]


def test_a_table_without_a_snapshot_can_be_looked_at(place: Path) -> None:
    _catalog().create_table("web.empty", rows(0, 1).schema)
    source = _opened({"name": "lake.web.empty"})
    assert (source.own_files(), source.count(), source.first_rows(5).num_rows) == ((), 0, 0)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"name": "lake.web.page"}, r"there is no such table \(did you mean `pages`\?"),
        ({"name": "lake.wob.pages"}, r"there is no such namespace: did you mean `web`\?"),
        ({"name": "prod.web.pages"}, r"pyiceberg has no catalog `prod`: .*PYICEBERG_CATALOG__PROD__URI"),
        (
            {"name": "lake.web.pages", "where": "langg = 'de'"},
            r"input\.table\.where: .*field with name langg.*the columns are text, doc_id",
        ),
        ({"name": "lake.web.pages", "where": "length(text) > 3"}, r"input\.table\.where: pyiceberg does not read .*: length\(text\) > 3"),
        ({"name": "lake.web.pages"}, r"^lake\.web\.pages: the table has no column `body`"),
        ({"name": "/nowhere/1.metadata.json"}, r"^/nowhere/1\.metadata\.json: pyiceberg cannot read the metadata"),
        ({"name": "lake.web.pages", "timestamp": "yesterday"}, r"`yesterday` is no moment"),
        ({"name": "lake.web.pages", "timestamp": "2001-01-01"}, r"no snapshot `2001-01-01`"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(spark: LazySession, place: Path, table: dict[str, Any], what: str) -> None:
    fields = {"text": "body"} if table == {"name": "lake.web.pages"} else FIELDS
    with pytest.raises(UserError, match=what):
        _made(spark, place, "refused", table, fields=fields)
    assert not list((place / "runs" / "refused").rglob("_table*.json"))
