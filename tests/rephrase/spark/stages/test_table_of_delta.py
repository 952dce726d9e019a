"""Delta tables by deltalake: vectors of deletes, columns of other names, partitions, conditions and time travel give the table's rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rephrase.errors import UserError
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.shard.stage import shard
from tests.rephrase.spark.stages.lake import FIELDS, config, deletion_vector, delta_log, documents, numbers, rows, texts_of

pytest.importorskip("deltalake")
from deltalake import DeltaTable, write_deltalake


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delta")
    write_deltalake(folder / "pages", rows(0, 40), partition_by=["lang"])
    write_deltalake(folder / "pages", rows(40, 50), mode="append")
    return folder


def _made(spark: LazySession, place: Path, name: str, table: dict[str, Any], **settings: Any) -> Any:
    run = config(place / "runs" / name, {"format": "delta", **table}, **settings)
    shard(run, spark)
    return run


def _by_hand(folder: Path, version: dict[str, Any], fields: list[dict[str, Any]], configuration: dict[str, str], **add: Any) -> None:
    """A table of one file, `part-0.parquet`."""
    schema = json.dumps({"type": "struct", "fields": fields})
    metadata = {"id": "1", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [], "configuration": configuration}
    size = (folder / "part-0.parquet").stat().st_size
    action = {"path": "part-0.parquet", "size": size, "modificationTime": 0, "dataChange": True, "partitionValues": {}, **add}
    delta_log(folder, 0, {"protocol": version}, {"metaData": {**metadata, "schemaString": schema}}, {"add": action})


def _field(name: str, kind: str, **metadata: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def test_a_table_gives_what_its_files_give_at_the_version_begun_with(
    spark: LazySession, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = {"name": str(place / "pages")}
    plain = config(place / "runs" / "plain", paths=[str(place / "pages")])
    shard(plain, spark)
    run = _made(spark, place, "own", table)
    assert "copied" not in capfd.readouterr().err
    assert documents(run) == documents(plain)
    write_deltalake(place / "pages", rows(50, 60), mode="append")
    for path in (place / "runs" / "own" / "documents").glob("part-*.parquet"):
        path.unlink()
    shard(run, spark)
    assert documents(run) == documents(plain)
    assert numbers(_made(spark, place, "first", {**table, "version": 0})) == texts_of(range(40))
    copied = _made(spark, place, "german", {**table, "where": "lang = 'K%ö n' AND doc_id > 20"})
    assert numbers(copied) == texts_of(range(21, 60, 2))


def test_overwritten_files_are_no_part_of_the_table(spark: LazySession, place: Path) -> None:
    write_deltalake(place / "rewritten", rows(0, 20))
    DeltaTable(place / "rewritten").delete("doc_id >= 5 AND doc_id < 10")
    assert len(list((place / "rewritten").glob("*.parquet"))) == 2
    assert numbers(_made(spark, place, "rewritten", {"name": str(place / "rewritten")})) == texts_of([*range(5), *range(10, 20)])


def test_rows_that_a_vector_deletes_are_no_documents(spark: LazySession, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = place / "vectors"
    folder.mkdir()
    pq.write_table(rows(0, 20).select(["text", "doc_id"]), folder / "part-0.parquet")
    features = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    vector = {"deletionVector": deletion_vector([1, 3, 4]), "stats": json.dumps({"numRecords": 20})}
    _by_hand(folder, features, [_field("text", "string"), _field("doc_id", "long")], {"delta.enableDeletionVectors": "true"}, **vector)
    run = _made(spark, place, "vectors", {"name": str(folder)})
    assert "rows of its files are deleted" in " ".join(capfd.readouterr().err.split())
    assert numbers(run) == [n for n in texts_of(range(20)) if n not in (1, 3, 4)]


def test_columns_have_the_names_of_the_table(spark: LazySession, place: Path) -> None:
    folder = place / "mapped"
    folder.mkdir()
    part = pa.table({"col-1": rows(0, 20).column("text"), "col-2": rows(0, 20).column("doc_id"), "text": ["of a column that is gone"] * 20})
    pq.write_table(part, folder / "part-0.parquet")
    mapping = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"}
    fields = [
        _field(name, kind, **{"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"})
        for number, (name, kind) in enumerate([("text", "string"), ("doc_id", "long")], 1)
    ]
    _by_hand(folder, {"minReaderVersion": 2, "minWriterVersion": 5}, fields, mapping)
    run = _made(spark, place, "mapped", {"name": str(folder)})
    assert numbers(run) == texts_of(range(20))
    assert documents(run)[0]["text"].startswith("The text of number")


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"name": "nowhere"}, r"there is no Delta table \(name the folder that holds its _delta_log\)"),
        ({"name": "pages%20old"}, r"pages%20old: deltalake takes `%20` in a location for an escaped sign"),
        ({"name": "pages", "version": 7}, r"deltalake cannot read the table: .*name a version that it has"),
        ({"name": "pages", "timestamp": "2001-01-01"}, r"the table was not there yet"),
        ({"name": "pages", "where": "langg = 'de'"}, r"the rows cannot be read: .*langg"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(spark: LazySession, place: Path, table: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        _made(spark, place, "refused", {**table, "name": str(place / table["name"])})
    assert not list((place / "runs" / "refused").rglob("_table*.json"))


def test_a_column_that_is_missing_is_told(spark: LazySession, place: Path) -> None:
    with pytest.raises(UserError, match=r"no column `body`.*there are: text, doc_id, about, lang"):
        _made(spark, place, "mistaken", {"name": str(place / "pages")}, fields={**FIELDS, "text": "body"})
