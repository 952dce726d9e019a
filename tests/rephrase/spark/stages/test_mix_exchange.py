"""What the mixer's tasks hand on: rows find their way, on disk and on S3, and what is stored is not made again."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from rephrase import storage
from rephrase.cli.status_table import print_status
from rephrase.config.run import Run
from rephrase.spark.runtime.job import open_job
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.mix.exchange import ROWS, Exchange
from rephrase.spark.stages.mix.inputs import find_inputs
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.spark.stages.mix.planning import make_plan
from rephrase.spark.stages.mix.stage import mix
from rephrase.spark.stages.mix.write import write
from rephrase.storage import tables
from tests.rephrase.spark.exports import manifest_of
from tests.rephrase.spark.mixtures import HALVES, run_of, write_inputs

FILES, STRETCHES = 5, 3


def some_rows(seed: int, count: int) -> pa.Table:
    """Rows of any stretches, with texts of many lengths, and null where a column may be."""
    dice = np.random.default_rng(seed)
    columns = {field.name: pa.nulls(count, field.type) for field in ROWS}
    columns["text"] = pa.array(["word " * length for length in dice.integers(0, 200, count).tolist()])
    columns["id"] = pa.array([f"{seed}-{number}" for number in range(count)])
    columns["place"] = pa.array(dice.integers(0, 2**62, count))
    stretches = pa.array(dice.choice([0, 1, 4, 8, 9, 14], count))
    return pa.table(columns, schema=ROWS).append_column("stretch", stretches)


@pytest.fixture(params=["disk", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "disk" else str(request.getfixturevalue("bucket"))


def test_each_row_comes_out_in_its_stretch_whole_and_once(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rephrase.spark.stages.mix.exchange._GATHERED_BYTES", 60_000)  # several sections a pack
    monkeypatch.setattr("rephrase.spark.stages.mix.exchange._MESSAGE_BYTES", 1)
    exchange = Exchange(storage.join(folder, "exchange"), 3, FILES, STRETCHES)
    packs = [[some_rows(pack * 10 + part, 100) for part in range(parts)] for pack, parts in enumerate((4, 0, 1))]
    for pack, parts in enumerate(packs):
        exchange.store(pack, parts)
    sent = pa.concat_tables([part for parts in packs for part in parts])
    for first, last in ((0, FILES), (1, 2), (2, 4)):
        for file, stretches in enumerate(exchange.read(first, last), start=first):
            own = [number for number in (0, 1, 4, 8, 9, 14) if number // STRETCHES == file]
            found = list(stretches)
            assert len(found) == len(own)
            for number, rows in zip(own, found, strict=True):
                expected = sent.filter(pa.compute.equal(sent["stretch"], number)).drop_columns(["stretch"])
                assert rows == expected.sort_by("place").combine_chunks()


def stored(run_folder: str) -> dict[str, int]:
    """When each object of the exchange was stored, by name."""
    return {file.name: file.stat().st_mtime_ns for file in Path(run_folder, "mixture", "_exchange").rglob("*.arrows")}


def status_of(run: Run) -> str:
    """The line of the mix stage."""
    console = Console(file=io.StringIO(), width=200)
    print_status(run, console)
    [line] = [line for line in console.file.getvalue().splitlines() if line.startswith("│ mix ")]  # type: ignore[attr-defined]  # of StringIO
    return " ".join(line.replace("│", " ").split())


def test_a_killed_run_keeps_what_was_handed_on_whole(spark: LazySession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rephrase.spark.stages.mix.inputs._MIN_TASK_BYTES", 1)  # each object a pack
    output = str(tmp_path)
    write_inputs(output)
    run = run_of(output, components=HALVES)
    assert status_of(run) == "mix not begun"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rephrase.spark.stages.mix.stage.write", killed)
        with pytest.raises(KeyboardInterrupt):
            mix(run, spark)
        before = stored(output)
        assert len(before) == 6
        lost, cut, emptied = (next(Path(output).rglob(f"00000{number}.arrows")) for number in (1, 2, 4))
        lost.unlink()
        assert re.fullmatch(r"mix 0 of 10 \d+ s ago 0 of 49,417 tokens; exchange: 5 of 6 units", status_of(run))
        os.truncate(cut, cut.stat().st_size - 1)  # as a power cut may leave them
        os.truncate(emptied, 0)
        with pytest.raises(KeyboardInterrupt):
            mix(run, spark)
        after = stored(output)
    assert {name for name in before if after[name] != before[name]} == {lost.name, cut.name, emptied.name}
    mix(run, spark)
    assert re.fullmatch(r"mix 10 of 10 \d+ s ago 49,417 of 49,417 tokens, complete", status_of(run))
    assert not os.path.exists(storage.join(output, "mixture", "_exchange"))


def test_a_driver_that_another_one_has_overtaken_ends_well(spark: LazySession, tmp_path: Path) -> None:
    output = str(tmp_path)
    write_inputs(output)
    run = run_of(output, components=HALVES)
    mix(run, spark)
    folder = storage.join(output, "mixture")
    manifest = manifest_of(folder)
    inputs = find_inputs(run)
    units = [Unit(path, number) for number, path in enumerate(tables.objects(folder))]
    with open_job(spark.get(), folder) as job:
        plan, _ = make_plan(run.mix, inputs, job)
        prints = write(job, units, Exchange.of(folder, inputs, run.mix, plan), run.mix)  # whose objects are gone
    assert {storage.name_of(path): sha for path, (_, sha) in prints.items()} == {
        storage.name_of(file["name"]): file["sha256"] for file in manifest["files"]
    }


def test_files_on_s3_are_written_several_a_task_and_only_those_that_are_missing(
    spark: LazySession, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rephrase.spark.stages.mix.write._MANY_TASKS", 2)
    run = run_of(f"{bucket}/run", components=HALVES, file_tokens=1500)
    write_inputs(run.output)
    mix(run, spark)
    folder = storage.join(run.output, "mixture")
    manifest = manifest_of(folder)
    names = [file["name"] for file in manifest["files"]]
    assert len(names) > 8
    for name in (names[0], names[1], names[3], MANIFEST):
        storage.delete(storage.join(folder, name))
    mix(run, spark)
    assert manifest_of(folder) == manifest
    assert not [file for file in storage.list_files(folder) if "_exchange" in file.path]
