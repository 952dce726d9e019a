"""Tables that the Spark session reads as input: the rows and ids of the same data in Parquet files, once, at the version begun with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rephrase.errors import UserError
from rephrase.planning.material import materials_of
from rephrase.recipes.catalogue import recipes_of
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.declarations.shard import ShardStage
from rephrase.spark.stages.input_table.looking import looked_at
from rephrase.spark.stages.shard.stage import shard
from tests.rephrase.spark.stages.lake import config, documents, errors, numbers, rows, texts_of


@pytest.fixture(scope="module")
def place(spark: LazySession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A partitioned table of Parquet files, one of ORC, and a view, all of the same rows."""
    folder = tmp_path_factory.mktemp("a lake")
    session = spark.get()
    pq.write_table(rows(0, 40), folder / "rows.parquet")
    session.read.parquet(str(folder / "rows.parquet")).createOrReplaceTempView("lake_rows")
    session.sql("CREATE DATABASE IF NOT EXISTS lake")
    for name, form in (("pages", "parquet"), ("columns", "orc")):
        session.sql(f"CREATE TABLE lake.{name} USING {form} PARTITIONED BY (lang) LOCATION '{folder / name}' AS SELECT * FROM lake_rows")
    session.sql(f"CREATE TABLE lake.other USING parquet LOCATION '{folder / 'other'}' AS SELECT text AS body, doc_id FROM lake_rows")
    session.sql("CREATE VIEW lake.some AS SELECT * FROM lake.pages WHERE doc_id < 30")
    yield folder
    session.sql("DROP DATABASE lake CASCADE")


@pytest.fixture(scope="module")
def plain(spark: LazySession, place: Path) -> list[dict[str, Any]]:
    """The documents of the table's files, named as paths."""
    run = config(place / "plain", paths=[str(place / "pages")])
    shard(run, spark)
    return documents(run)


def made(spark: LazySession, place: Path, name: str, table: Any) -> Any:
    run = config(place / "runs" / name, table)
    shard(run, spark)
    return run


def test_the_tables_own_files_and_a_copy_give_what_the_paths_give(spark: LazySession, place: Path, plain: list[dict[str, Any]]) -> None:
    assert {row["language"] for row in plain} == {"de", "K%ö n"}
    own, copied = made(spark, place, "own", "lake.pages"), made(spark, place, "copied", "lake.columns")
    assert documents(own) == documents(copied) == plain
    assert errors(own) == errors(copied) == ["the field `text` is null"] * 4
    assert not (place / "runs" / "copied" / "_table").exists(), "what was copied goes once it is read"


def test_a_condition_on_partitions_chooses_files_and_any_other_rows(
    spark: LazySession, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    of_partition = made(spark, place, "german", {"name": "lake.pages", "where": "lang = 'de'"})
    assert "copied" not in capfd.readouterr().err
    assert numbers(of_partition) == texts_of(range(0, 40, 2))
    of_rows = made(spark, place, "few", {"name": "lake.pages", "where": "lang = 'de' AND doc_id > 20"})
    assert "its condition is on more than partitions" in " ".join(capfd.readouterr().err.split())
    assert numbers(of_rows) == texts_of(range(22, 40, 2))
    assert numbers(made(spark, place, "view", "lake.some")) == texts_of(range(30))


def test_instants_are_the_same_in_any_time_zone_of_the_session(spark: LazySession, place: Path) -> None:
    session = spark.get()
    values = [
        "timestamp'2026-01-01 10:00:00Z' AS at",
        "array(struct(timestamp'2026-01-01 10:00:00Z' AS at)) AS more",
        "date'2026-01-02' AS day",
        "1.50BD AS price",
        "cast(text AS binary) AS raw",
    ]
    times = session.table("lake_rows").where("doc_id < 4").selectExpr(*values)
    times.write.saveAsTable("lake.times", format="parquet", path=str(place / "times"))
    fields = {"text": "raw", "also": ["at", "more", "day", "price"]}
    tables = [{"name": "lake.times", "copy_rows": copy} for copy in (False, True)]
    own, copied = (config(place / "runs" / f"times {number}", table, fields=fields) for number, table in enumerate(tables))
    shard(own, spark)
    before = session.conf.get("spark.sql.session.timeZone")
    session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        shard(copied, spark)
    finally:
        session.conf.set("spark.sql.session.timeZone", before)
    assert documents(own) == documents(copied)
    assert dict(documents(own)[0]["metadata"])["at"].startswith("2026-01-01 10:00:00")
    assert len(documents(own)) == 4


def test_a_resumed_run_reads_what_it_began_with_although_the_table_has_grown(spark: LazySession, place: Path) -> None:
    session = spark.get()
    session.sql(f"CREATE TABLE lake.growing USING parquet LOCATION '{place / 'growing'}' AS SELECT /*+ REPARTITION(4) */ * FROM lake_rows")
    run = made(spark, place, "resumed", "lake.growing")
    before = documents(run)
    objects = sorted((place / "runs" / "resumed" / "documents").glob("part-*.parquet"))
    for path in objects[:2]:
        path.unlink()
    session.sql("INSERT INTO lake.growing SELECT 'A later text.', 99, about, lang FROM lake_rows LIMIT 1")
    shard(run, spark)
    assert documents(run) == before
    assert len(documents(made(spark, place, "later", "lake.growing"))) == len(before) + 1
    ShardStage().meaning(run)  # asks no Spark
    objects[0].unlink()
    session.sql("INSERT OVERWRITE lake.growing SELECT * FROM lake_rows WHERE doc_id < 3")
    with pytest.raises(UserError, match=r"the table has changed: .*write to another `output`"):
        shard(run, spark)


def test_a_copy_that_was_not_finished_is_made_again(spark: LazySession, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rephrase.spark.stages.input_table import pinned

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    run = config(place / "runs" / "killed", "lake.columns")
    with monkeypatch.context() as patch:
        patch.setattr(pinned, "pin_files", kill)
        with pytest.raises(Killed):
            shard(run, spark)
    left = list((place / "runs" / "killed" / "_table").iterdir())
    assert left
    shard(run, spark)
    assert numbers(run) == texts_of(range(40)), "rows of the first copy are in no document"
    assert not left[0].exists()


def test_another_config_is_refused_and_a_mended_one_goes_on(spark: LazySession, place: Path) -> None:
    made(spark, place, "claimed", {"name": "lake.pages", "where": "lang = 'de'"})
    with pytest.raises(UserError, match=r"`input\.table\.where` was \"lang = 'de'\", is \"doc_id < 3\""):
        made(spark, place, "claimed", {"name": "lake.pages", "where": "doc_id < 3"})
    with pytest.raises(UserError, match=r"no column `text`.*`input\.fields\.text`; there are: body"):
        made(spark, place, "mended", {"name": "lake.other", "copy_rows": True})
    mended = config(place / "runs" / "mended", {"name": "lake.other"}, fields={"text": "body", "id": "doc_id"})
    shard(mended, spark)
    assert numbers(mended) == texts_of(range(40))


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("lake.page", r"there is no such table \(did you mean `pages`\?; this session knows no metastore"),
        ("lak.pages", r"there is no such database: did you mean `lake`\?"),
        ("prod.web.pages", r"the session has no catalog `prod` \(under `spark: \{conf: …\}` set spark\.sql\.catalog\.prod to"),
        ({"name": "lake.pages", "where": "langg = 'de'"}, r"the condition is none of this table's: .*langg.* text, doc_id, about, lang"),
        ({"name": "lake.pages", "where": "lang ="}, r"the condition is none of this table's"),
        ({"name": "lake.pages", "version": 3}, r"cannot be read at this version: .*tables of Hive and plain files have no versions"),
        ({"name": "lake.pages", "where": "lang = 'fr'"}, r"the table has no rows"),
        ({"name": "lake.columns", "where": "lang = 'fr'"}, r"the table has no rows"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(spark: LazySession, place: Path, table: Any, what: str) -> None:
    run = config(place / "runs" / "refused", table)
    with pytest.raises(UserError, match=what):
        shard(run, spark)
    assert not list((place / "runs" / "refused").rglob("_table*.json")), "nothing binds the next try"


def test_plans_and_previews_look_at_a_table_that_was_not_read_yet(spark: LazySession, place: Path) -> None:
    for name, files in (("pages", 2), ("columns", 1)):
        run = config(place / "runs" / f"unread {name}", f"lake.{name}")
        [material] = materials_of(run, recipes_of(run.recipes))
        assert sum(group.rows for group in material.groups) == 36
        assert material.scale == 1
        with looked_at(run, run.input, 10, spark) as (found, in_all):
            assert len(found) >= files
            assert in_all == (40 if name == "columns" else None)
        assert not (place / "runs" / f"unread {name}").exists()


@pytest.mark.long
def test_a_table_of_python_is_copied(spark: LazySession, place: Path) -> None:
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

    class Reader(DataSourceReader):
        def partitions(self) -> list[InputPartition]:
            return [InputPartition(number) for number in range(3)]

        def read(self, partition: InputPartition) -> Iterator[tuple[str, int]]:
            yield from ((f"Text {n} of partition {partition.value}.", 10 * partition.value + n) for n in range(5))

    class Numbers(DataSource):
        @classmethod
        def name(cls) -> str:
            return "numbers"

        def schema(self) -> str:
            return "text string, doc_id long"

        def reader(self, schema: object) -> Reader:
            del schema
            return Reader()

    session = spark.get()
    session.dataSource.register(Numbers)
    session.read.format("numbers").load().createOrReplaceTempView("numbers")
    run = made(spark, place, "python", "numbers")
    assert numbers(run) == [10 * part + n for part in range(3) for n in range(5)]


def test_a_table_whose_folders_do_not_name_its_partitions_is_copied(spark: LazySession, place: Path) -> None:
    session, columns = spark.get(), "text string, doc_id long, lang string"
    session.sql(f"CREATE TABLE lake.placed ({columns}) USING parquet PARTITIONED BY (lang) LOCATION '{place / 'placed'}'")
    session.sql(f"ALTER TABLE lake.placed ADD PARTITION (lang = 'fr') LOCATION '{place / 'placed' / 'french'}'")
    session.sql("INSERT INTO lake.placed PARTITION (lang = 'fr') SELECT text, doc_id FROM lake_rows WHERE doc_id < 5")
    run = made(spark, place, "placed", "lake.placed")
    assert {row["language"] for row in documents(run)} == {"fr"}
    assert len(documents(run)) == 5
