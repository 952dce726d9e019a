"""Large input files are cut for several tasks, and many small ones share a task: the documents are those of a task for each file."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from rephrase import storage
from rephrase.config.run import Run
from rephrase.engines.replay import ReplaySettings
from rephrase.errors import UserError
from rephrase.readers import slices
from rephrase.readers.settings import Input
from rephrase.recipes.use import RecipeUse
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.declarations.shard import ShardStage
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.run_tables import documents_of
from rephrase.spark.stages.shard.plan import input_files, units_of_input
from rephrase.spark.stages.shard.stage import meaning_of, shard
from rephrase.storage import tables
from tests.places import ROOT


def config(folder: Path, name: str, **settings: Any) -> Run:
    return Run(
        output=str(folder / name),
        tokenizer=str(ROOT / "examples" / "tokenizer.json"),
        input=Input(paths=[str(folder / "crawl")], min_characters=3, **settings),
        engine=ReplaySettings(kind="replay", path="none"),
        recipes=[RecipeUse(use="wrap/easy")],
    )


def rows(run: Run) -> list[dict[str, Any]]:
    return [row for path in documents_of(run) for row in tables.read(path).to_pylist()]


def errors(run: Run) -> list[tuple[str, str]]:
    paths = tables.objects(storage.join(run.output, "errors"))
    return sorted((row["file"], row["reason"]) for path in paths for row in tables.read(path).to_pylist())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large file, in which each third document stands again, one behind it, and small ones."""
    folder = tmp_path_factory.mktemp("units")
    (folder / "crawl" / "more").mkdir(parents=True)
    with (folder / "crawl" / "large.jsonl").open("w") as file:
        for n in range(3000):
            same = n if n % 3 else n % 1500
            text = f"The text of number {same} " + "is short and plain. " * (same % 7)
            file.write("{broken\n" if n % 700 == 9 else json.dumps({"text": text}) + "\n")
    for n in range(12):
        lines = [json.dumps({"text": f"A small file, {n}, {line}."}) for line in range(3)] + ["[]"]
        (folder / "crawl" / "more" / f"{n:02d}.jsonl").write_text("\n".join(lines))
    return folder


def test_cut_and_packed_input_gives_the_same_documents(
    folder: Path, spark: LazySession, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = config(folder, "plain")
    shard(plain, spark)
    assert len(documents_of(plain)) == 13
    monkeypatch.setattr(slices, "MANY_FILES", 4)
    run = config(folder, "cut", unit_bytes=65536)
    capfd.readouterr()
    shard(run, spark)
    assert "for 13 input files, large ones cut, small ones together" in " ".join(capfd.readouterr().err.split())
    objects = documents_of(run)
    assert len(objects) == 1 + math.ceil(os.path.getsize(folder / "crawl" / "large.jsonl") / 65536)
    assert rows(run) == rows(plain)
    assert len(rows(run)) < 2600, "what stands again in another part goes there"
    assert errors(run) == errors(plain)
    status = ShardStage().status(run)
    assert (status.done, status.total) == (len(objects), len(objects))

    lost = rows(run)
    os.remove(objects[1])
    with pytest.raises(UserError, match=f"only {len(objects) - 1} of {len(objects)} objects"):
        documents_of(run)
    shard(run, spark)
    assert rows(run) == lost
    with pytest.raises(UserError, match=r"`input.unit_bytes` was 65536, is 131072"):
        shard(config(folder, "cut", unit_bytes=131072), spark)


def test_a_table_that_an_earlier_version_began_goes_on_file_by_file(
    folder: Path, spark: LazySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = config(folder, "older")
    shard(run, spark)  # as an earlier version does: these files need no cut
    before = rows(run)
    os.remove(documents_of(run)[0])
    monkeypatch.setattr(slices, "MANY_FILES", 4)
    shard(run, spark)
    assert len(documents_of(run)) == 13
    assert rows(run) == before


def test_as_many_units_as_files_are_not_taken_for_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MANY_FILES", 4)
    (tmp_path / "crawl").mkdir()
    for n in range(5):
        (tmp_path / "crawl" / f"{n}.jsonl").write_text('{"text": "A small file."}\n')
    (tmp_path / "crawl" / "large.jsonl").write_text('{"text": "A line of a large file."}\n' * 8000)
    run = config(tmp_path, "out", unit_bytes=65536)
    files = input_files([str(tmp_path / "crawl")], run.output)
    units = units_of_input(run, files)
    assert len(units) == len(files)
    claim(Tables.DOCUMENTS.folder(run.output), Tables.DOCUMENTS, meaning_of(run, files, units))
    assert units_of_input(run, files) == units
