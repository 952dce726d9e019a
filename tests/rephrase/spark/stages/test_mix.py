"""The mix stage on a local Spark: exact shares, one result whatever the cluster, resume, and a manifest that is true."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.config.run import Mix, Run
from rephrase.engines.replay import ReplaySettings
from rephrase.errors import UserError
from rephrase.mixing.component import Component
from rephrase.notes import MixtureNote
from rephrase.readers.settings import Input
from rephrase.records import DOCUMENT, JUDGED, MIXTURE, content_id
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.spark.stages.mix.stage import mix
from rephrase.storage import tables
from tests.rephrase.spark.no_spark import NoSpark

ORIGINALS, REWRITES = 1500, 2500


def run_of(output: str, **settings: Any) -> Run:
    settings = {"file_tokens": 60_000, "row_group_rows": 100, **settings}
    return Run(
        output=output,
        input=Input(paths=["unused"]),
        tokenizer="unused",
        engine=ReplaySettings(kind="replay", path="unused"),
        recipes=["wrap/easy"],
        mix=Mix(**settings),
    )


def rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    dice = random.Random(5)
    documents, judged = [], []
    for number in range(ORIGINALS):
        tokens = dice.randint(1, 400)
        documents.append(
            {
                "id": content_id("document", str(number)),
                "text": f"original {number} " + "é" * tokens,
                "source": dice.choice(["wiki", "web"]),
                "language": "en",
                "n_tokens": tokens,
                "synthetic_depth": 0,
                "license": "cc-by-4.0",
            }
        )
    for number in range(REWRITES):
        document = dice.choice(documents)
        tokens = dice.randint(1, 300)
        kept = dice.random() < 0.8
        judged.append(
            {
                "id": content_id("generation", str(number)),
                "document_id": document["id"],
                "recipe": dice.choice(["wrap/easy", "wrap/qa", "mind/debate"]),
                "step": "write",
                "verdict": "keep" if kept else "repetition",
                "scores": [("quality", dice.random())],
                "text": f"rewrite {number} " + "x" * tokens if kept else None,
                "n_tokens": tokens,
                "source": document["source"],
                "language": "en",
                "license": "cc-by-4.0",
                "model": "tiny",
                "synthetic_depth": 1,
            }
        )
    return documents, judged


def write_inputs(output: str, objects: int = 3, group: int = 200) -> None:
    documents, judged = rows()
    content = {"checks": ["repetition"]}
    for made, schema, meaning, all_rows in (
        (Tables.DOCUMENTS, DOCUMENT, Meaning({}), documents),
        (Tables.JUDGED, JUDGED, Meaning(content), judged),
    ):
        folder = made.folder(output)
        claim(folder, made, meaning)
        for number in range(objects):
            part = all_rows[number::objects]
            sizes = [len(part[at : at + group]) for at in range(0, len(part), group)]
            table = pa.Table.from_pylist([{f.name: row.get(f.name) for f in schema} for row in part], schema=schema)
            tables.commit(storage.join(folder, f"{number:05d}.parquet"), table, row_groups=sizes)


SHARES = [
    Component(recipe="wrap/*", min_scores={"quality": 0.3}, share=0.35),
    Component(source="wiki", origin="original", share=0.4, max_epochs=3),
    Component(origin="original", share=0.25),
]
SETTINGS: dict[str, Any] = {"components": SHARES, "budget_tokens": 400_000}


@pytest.fixture(scope="module")
def mixed(spark: LazySession, tmp_path_factory: pytest.TempPathFactory) -> str:
    output = str(tmp_path_factory.mktemp("mixed"))
    write_inputs(output)
    mix(run_of(output, **SETTINGS), spark)
    return output


def manifest_of(output: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(storage.read(storage.join(output, "mixture", MANIFEST)))
    return manifest


def mixture_of(output: str) -> list[dict[str, Any]]:
    return tables.read_folder(storage.join(output, "mixture")).to_pylist()


def checksums(output: str) -> dict[str, str]:
    paths = tables.objects(storage.join(output, "mixture"))
    return {f"data/{storage.name_of(path)}": hashlib.sha256(storage.read(path)).hexdigest() for path in paths}


def component_of(row: dict[str, Any]) -> int:
    if row["origin"] == "synthetic":
        return 0
    return 1 if row["source"] == "wiki" else 2


def test_shares_are_exact_within_a_document(mixed: str) -> None:
    tokens: Counter[int] = Counter()
    for row in mixture_of(mixed):
        tokens[component_of(row)] += row["n_tokens"]
    longest = {0: 300, 1: 400, 2: 400}
    for index, component in enumerate(SHARES):
        assert abs(tokens[index] - component.share * 400_000) <= longest[index] / 2
        said = manifest_of(mixed)["components"][index]
        assert (said["name"], said["share"], said["tokens"]) == (component.name, component.share, tokens[index])


def test_rows_are_those_of_the_inputs(mixed: str) -> None:
    documents, judged = ({row["id"]: row for row in part} for part in rows())
    for row in mixture_of(mixed):
        origin = documents.get(row["id"]) or judged[row["id"]]
        assert row["text"] == origin["text"] is not None
        assert row["document_id"] in documents
        for name in ("source", "license", "synthetic_depth", "n_tokens"):
            assert row[name] == origin[name]
        if row["origin"] == "original":
            assert (row["document_id"], row["recipe"], row["model"]) == (row["id"], None, None)
        else:
            assert row["recipe"].startswith("wrap/")
            assert dict(origin["scores"])["quality"] >= 0.3
            assert (row["document_id"], row["recipe"], row["model"]) == (origin["document_id"], origin["recipe"], "tiny")


def test_epochs_count_the_uses_of_a_text(mixed: str) -> None:
    uses: dict[str, list[int]] = {}
    for row in mixture_of(mixed):
        uses.setdefault(row["id"], []).append(row["epoch"])
        if component_of(row) != 1:
            assert row["epoch"] == 0
    assert all(sorted(epochs) == list(range(len(epochs))) for epochs in uses.values())
    said = manifest_of(mixed)["components"][1]
    assert said["epochs"] == pytest.approx(160_000 / said["available_tokens"], rel=0.01)
    wiki = [len(uses[row["id"]]) for row in rows()[0] if row["source"] == "wiki"]
    assert set(wiki) == {said["whole_epochs"], said["whole_epochs"] + 1}


def test_files_have_the_promised_layout(mixed: str) -> None:
    import pyarrow.parquet as pq

    paths = tables.objects(storage.join(mixed, "mixture"))
    assert [storage.name_of(path) for path in paths] == [f"part-{n:05d}.parquet" for n in range(7)]
    for path in paths:
        file = pq.ParquetFile(path)
        assert file.schema_arrow.remove_metadata().equals(MIXTURE)
        assert file.schema_arrow.names[0] == "text"
        groups = tables.row_groups(path)
        assert set(groups[:-1]) <= {100}
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    tokens = [tables.footer(path, MixtureNote).note.tokens for path in paths]
    assert max(tokens) < 1.5 * min(tokens)  # a file has three hundred texts of 1 to 400 tokens: a standard deviation of 7 %


def test_the_manifest_is_true(mixed: str) -> None:
    manifest, mixture = manifest_of(mixed), mixture_of(mixed)
    assert manifest["rows"] == len(mixture) == sum(file["rows"] for file in manifest["files"])
    assert manifest["tokens"] == sum(row["n_tokens"] for row in mixture) == sum(file["tokens"] for file in manifest["files"])
    assert {file["name"]: file["sha256"] for file in manifest["files"]} == checksums(mixed)
    for file in manifest["files"]:
        assert file["bytes"] == (Path(mixed) / "mixture" / file["name"]).stat().st_size
    for column in ("origin", "source", "recipe", "license", "model", "synthetic_depth", "epoch"):
        expected: dict[Any, list[int]] = {}
        for row in mixture:
            count = expected.setdefault(row[column], [0, 0])
            count[0] += 1
            count[1] += row["n_tokens"]
        assert {count["value"]: [count["rows"], count["tokens"]] for count in manifest["counts"][column]} == expected
    assert manifest["classifier"] == ["repetition"]
    assert "# Pretraining mixture" in storage.read(storage.join(mixed, "mixture", "README.md")).decode()


def test_place_is_independent_of_source_and_recipe(mixed: str) -> None:
    mixture = mixture_of(mixed)
    for wanted in (lambda row: row["origin"] == "synthetic", lambda row: row["source"] == "wiki", lambda row: row["recipe"] == "wrap/qa"):
        share = sum(map(wanted, mixture)) / len(mixture)
        for at in range(0, len(mixture) - 200, 200):
            block = mixture[at : at + 200]
            assert abs(sum(map(wanted, block)) / 200 - share) < 5 * (share * (1 - share) / 200) ** 0.5


def test_nothing_to_do_starts_no_spark(mixed: str, capsys: pytest.CaptureFixture[str]) -> None:
    mix(run_of(mixed, **SETTINGS), NoSpark())
    assert capsys.readouterr().err.count("\n") == 1


def test_another_config_is_refused(mixed: str) -> None:
    with pytest.raises(UserError, match=r"`mix\.seed` was 0, is 9"):
        mix(run_of(mixed, **SETTINGS, seed=9), NoSpark())


@pytest.fixture
def shuffle_partitions(spark: LazySession) -> Iterator[None]:
    session = spark.get()
    before = session.conf.get("spark.sql.shuffle.partitions")
    session.conf.set("spark.sql.shuffle.partitions", "7")
    yield
    session.conf.set("spark.sql.shuffle.partitions", before)


def test_the_files_do_not_depend_on_partitions_objects_or_stretches(
    mixed: str, spark: LazySession, tmp_path: Path, shuffle_partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rephrase.spark.stages.mix.exchange._STRETCH_TOKENS", 5000)  # a dozen a file
    write_inputs(str(tmp_path), objects=8, group=37)
    mix(run_of(str(tmp_path), **SETTINGS), spark)
    assert checksums(str(tmp_path)) == checksums(mixed)


def test_the_files_do_not_depend_on_the_number_of_tasks_at_a_time(mixed: str, tmp_path: Path) -> None:
    write_inputs(str(tmp_path), objects=2)
    run = run_of(str(tmp_path), **SETTINGS)
    (tmp_path / "run.json").write_text(run.model_dump_json())
    code = """if True:
        import sys
        from rephrase.spark.stages.mix.stage import mix
        from rephrase.spark.runtime.session import LazySession
        from rephrase.config.run import Run
        run = Run.model_validate_json(open(sys.argv[1]).read())
        mix(run, LazySession(run.spark, "local[1]"))
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run.json")], check=True, timeout=200)
    assert checksums(str(tmp_path)) == checksums(mixed)


def test_another_seed_gives_another_order_and_choice(mixed: str, spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    mix(run_of(str(tmp_path), **SETTINGS, seed=1), spark)
    ours, theirs = mixture_of(mixed), mixture_of(str(tmp_path))
    assert [row["id"] for row in ours[:50]] != [row["id"] for row in theirs[:50]]
    assert {row["id"] for row in ours} != {row["id"] for row in theirs}


def remove(output: str, names: Sequence[str]) -> None:
    for name in names:
        storage.delete(storage.join(output, "mixture", name))


def test_resume_writes_only_what_is_missing(spark: LazySession, tmp_path: Path) -> None:
    output = str(tmp_path)
    write_inputs(output)
    run = run_of(output, **SETTINGS)
    mix(run, spark)
    before, manifest = checksums(output), manifest_of(output)
    kept = tmp_path / "mixture" / "data" / "part-00001.parquet"
    written = kept.stat().st_mtime_ns
    remove(output, ["data/part-00000.parquet", "data/part-00005.parquet", MANIFEST, "README.md"])
    mix(run, spark)
    assert checksums(output) == before
    assert manifest_of(output) == manifest
    assert kept.stat().st_mtime_ns == written
    remove(output, [MANIFEST])  # killed between the last file and the manifest
    mix(run, spark)
    assert manifest_of(output) == manifest


def test_too_little_material_leaves_nothing_behind(spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    with pytest.raises(UserError) as caught:
        mix(run_of(str(tmp_path), budget_tokens=10**9), spark)
    assert "`original` shall give 500,000,000 tokens and has" in caught.value.line()
    assert not (tmp_path / "mixture").exists()
    mix(run_of(str(tmp_path)), spark)  # without a budget: as much as there is of the scarcer origin
    assert [round(part["tokens"] / manifest_of(str(tmp_path))["tokens"], 2) for part in manifest_of(str(tmp_path))["components"]] == [
        0.5,
        0.5,
    ]
    assert max(part["epochs"] for part in manifest_of(str(tmp_path))["components"]) == 1


def test_more_files_than_rows(spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    mix(run_of(str(tmp_path), budget_tokens=3000, file_tokens=50), spark)
    files = manifest_of(str(tmp_path))["files"]
    assert len(files) > 50
    assert any(file["rows"] == 0 for file in files)
    assert sum(file["rows"] for file in files) == len(mixture_of(str(tmp_path)))


def test_originals_alone_need_no_judged_table(spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    for path in (tmp_path / "judged").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="no judged table"):
        mix(run_of(str(tmp_path)), NoSpark())
    mix(run_of(str(tmp_path), components=[Component(origin="original", share=1)]), spark)
    assert manifest_of(str(tmp_path))["rows"] == ORIGINALS


def test_an_unfinished_filter_stage_is_refused(tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    tables.commit(str(tmp_path / "generations" / "other.parquet"), pa.table({"id": ["a"]}))
    with pytest.raises(UserError, match="1 of 1 objects are not judged"):
        mix(run_of(str(tmp_path)), NoSpark())


def test_changed_inputs_are_refused(spark: LazySession, tmp_path: Path) -> None:
    write_inputs(str(tmp_path))
    run = run_of(str(tmp_path), **SETTINGS)
    mix(run, spark)
    storage.delete(str(tmp_path / "documents" / "00002.parquet"))
    with pytest.raises(UserError, match=r"`documents\.objects` was 3, is 2"):
        mix(run, NoSpark())


def test_everything_on_s3(mixed: str, spark: LazySession, bucket: str) -> None:
    write_inputs(bucket + "/run")
    mix(run_of(bucket + "/run", **SETTINGS), spark)
    assert checksums(bucket + "/run") == checksums(mixed)
