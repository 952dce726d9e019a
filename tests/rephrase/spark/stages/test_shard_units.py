"""Large input files are cut for several tasks, and many small ones share a task: the documents are those of a task for each file."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rephrase import storage
from rephrase.config.run import Run
from rephrase.engines.replay import ReplaySettings
from rephrase.errors import UserError
from rephrase.readers import slices
from rephrase.readers.settings import Input
from rephrase.readers.slices import Slice
from rephrase.recipes.use import RecipeUse
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.declarations.shard import ShardStage
from rephrase.spark.stages.ledger import claim
from rephrase.spark.stages.meaning import digest
from rephrase.spark.stages.run_tables import documents_of
from rephrase.spark.stages.shard.inputs import check_unchanged, digest_of, noted_times
from rephrase.spark.stages.shard.plan import input_files, units_of_input
from rephrase.spark.stages.shard.stage import meaning_of, shard
from rephrase.storage import FileInfo, FileList, tables
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
    assert list(units_of_input(run, files)) == list(units)


def again(path: Path, seconds: int = 10) -> None:
    """Store a file anew, with other letters and as many."""
    path.write_text(path.read_text().replace("plain", "fancy"))
    os.utime(path, (time.time() + seconds,) * 2)


def test_an_input_file_that_was_stored_anew_is_not_mixed_in(folder: Path, spark: LazySession, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder / "crawl", tmp := folder / "anew" / "crawl")
    run = config(folder / "anew", "out", unit_bytes=65536)
    shard(run, spark)
    objects = documents_of(run)
    before = rows(run)
    again(tmp / "large.jsonl")
    shard(run, spark)
    assert rows(run) == before, "where nothing is to be read, nothing is asked"
    os.remove(objects[-1])
    shard(run, spark)
    assert rows(run) == before, "what lies behind the file that is not the same can be made again"
    os.remove(objects[1])
    with pytest.raises(UserError, match=r"stored anew since this run began.*remove .*documents/_inputs.json"):
        shard(run, spark)
    os.remove(storage.join(run.output, "documents", "_inputs.json"))
    shard(run, spark)
    assert rows(run) != before, "whoever says so has it his way, as with a run of an earlier version"

    original = storage.about
    monkeypatch.setattr(storage, "about", lambda path: again(Path(path), 99) or original(path))  # type: ignore[func-returns-value]
    file = next(file for file in storage.list_files(str(tmp)) if file.path.endswith("large.jsonl"))
    with pytest.raises(UserError, match="stored anew while its parts were read"):
        check_unchanged(Slice(file, 10, 20))
    check_unchanged(Slice(replace(file, modified=0.0), 10, 20))  # a store that does not tell


def test_times_of_another_input_are_none_of_this(folder: Path, tmp_path: Path) -> None:
    files = storage.expand(str(folder / "crawl"))
    times = noted_times(str(tmp_path), files, "digest of others")
    later = FileList(replace(file, modified=file.modified + 100) for file in files)
    assert list(noted_times(str(tmp_path), later, "digest of others")) == list(times)
    assert list(noted_times(str(tmp_path), later, "digest of these")) == [file.modified for file in later]


@pytest.mark.parametrize("count", [0, 1, 4096, 5000])
def test_the_digest_of_files_is_that_of_their_list(count: int) -> None:
    files = [FileInfo(f"crawl/{n // 700} ü/{n}.jsonl", n * n, float(n)) for n in range(count)]
    listed = FileList(files)
    assert digest_of(listed) == digest([[file.path, file.size] for file in files])
    assert list(listed) == files
    assert listed[count // 2 :] == files[count // 2 :]
    assert not files or (listed[-1], listed[-1].modified) == (files[-1], files[-1].modified)
