"""Drivers killed midway of storing to S3, and what readers find there before and after the job is run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest
import yaml
from pyarrow.fs import S3FileSystem

from rephrase import storage
from rephrase.cli import main as cli
from rephrase.config.run import Run
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.mix.manifest import MANIFEST
from rephrase.spark.stages.mix.stage import mix
from tests.faulty_s3 import HoldingS3
from tests.rephrase.spark.exports import manifest_of, read_with, texts, write_mixture
from tests.rephrase.spark.mixtures import HALVES, run_of, write_inputs

KilledAt = Callable[[str, int, list[str]], None]


@pytest.fixture
def killed_at(s3_server: str, tmp_path: Path) -> KilledAt:
    """A function that runs a command on S3 and kills its processes where it stores its object no. `number` + 1 of this ending."""

    def run(end: str, number: int, arguments: list[str]) -> None:
        proxy = HoldingS3(s3_server, end, number)
        environment = {**os.environ, "AWS_ENDPOINT_URL": proxy.url}
        command = [sys.executable, "-m", "rephrase.cli.main", *arguments, "--master", "local[2]"]
        with open(tmp_path / "driver.log", "wb") as log:
            driver = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            while not proxy.full.wait(0.1):
                assert driver.poll() is None, (tmp_path / "driver.log").read_text()
        finally:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()
            proxy.stop()

    return run


def objects(folder: str) -> dict[str, bytes]:
    """What lies below a folder, by relative name."""
    start = len(folder) + 1
    return {file.path[start:]: storage.read(file.path) for file in storage.list_files(folder)}


def finished(found: dict[str, bytes]) -> dict[str, bytes]:
    """Without what driver and tasks of a job tell each other and hand on."""
    return {name: data for name, data in found.items() if "_run-" not in name and not name.startswith("_exchange/")}


def seen(names: Any) -> set[str]:
    """The names that readers of folders do not pass over."""
    return {name for name in names if not any(part.startswith(("_", ".")) for part in name.split("/"))}


def test_a_mixture(killed_at: KilledAt, bucket: str, spark: LazySession, tmp_path: Path) -> None:
    runs = [run_of(place, components=HALVES, max_synthetic_depth=1) for place in (f"{bucket}/run", str(tmp_path / "calm"))]
    for run in runs:
        write_inputs(run.output)
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(_settings(runs[0])))
    killed_at(".parquet", 2, ["mix", str(config)])
    folder = f"{bucket}/run/mixture"
    before = objects(folder)
    assert 1 <= len(seen(before)) <= 2
    assert MANIFEST not in before
    for run in runs:
        mix(run, spark)
    after, calm = objects(folder), objects(str(tmp_path / "calm" / "mixture"))
    assert finished(before).items() <= after.items(), "what was finished is left alone"
    assert finished(after) == after, "what its tasks handed on is gone"
    files = {file["name"] for file in manifest_of(folder)["files"]}
    assert len(files) > 4
    assert seen(after) == {*files, "README.md", "croissant.json"}
    assert {name: after[name] for name in files} == {name: calm[name] for name in files}
    s3 = S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
    assert pyarrow.dataset.dataset(f"{folder.removeprefix('s3://')}/data", filesystem=s3).count_rows() == manifest_of(folder)["rows"]


def _settings(run: Run) -> dict[str, Any]:
    return run.model_dump(mode="json", include={"output", "input", "tokenizer", "engine", "recipes", "mix"}, exclude_defaults=True)


def resumed(name: str, end: str, killed_at: KilledAt, bucket: str, spark: LazySession, tmp_path: Path, *options: str) -> dict[str, bytes]:
    """Export to <bucket>/run/exports, killed at the third object of this ending, and then again; what lay there when it was killed.

    At the end it is complete, and what an export to a disk is; nothing lies there for readers that the manifest does not name.
    """
    source, to, calm = f"{bucket}/run/mixture", f"{bucket}/run/exports/{name}", str(tmp_path / name)
    write_mixture(source)
    arguments = ["export", "--from", source, "--format", name, *options]
    killed_at(end, 2, [*arguments, "--to", to])
    before = objects(to)
    spark.get()  # the command uses the session that runs
    for place in (to, calm):
        cli.main([*arguments, "--to", place])
    manifest = manifest_of(to)
    assert manifest == manifest_of(calm)
    after, there = objects(to), objects(calm)
    files = {file["name"] for shard in manifest["shards"] for file in shard["files"]}
    assert seen(after) == {*files, *manifest["index"]}
    assert {name: after[name] for name in files} == {name: there[name] for name in files}
    assert finished(before).items() <= after.items(), "what was finished is left alone"
    assert finished(after) == after, "what the dead driver told its tasks is gone"
    assert set() < seen(before) < files, "the index comes later"
    assert MANIFEST not in before
    return before


@pytest.mark.long
def test_mosaicml_streaming(killed_at: KilledAt, bucket: str, spark: LazySession, tmp_path: Path) -> None:
    resumed("mds", ".mds.zstd", killed_at, bucket, spark, tmp_path, "--compress")
    replacements = {"local=": f"local={str(tmp_path / 'cache')!r}, remote="}
    rows = read_with("streaming", "mds", f"{bucket}/run", "[list(row.items()) for row in rows]", tmp_path, **replacements)
    assert sorted(rows) == sorted([["text", text]] for text in texts())


def test_megatron(
    killed_at: KilledAt, bucket: str, expected: list[list[int]], tokenizer_file: str, spark: LazySession, tmp_path: Path
) -> None:
    before = resumed("megatron", ".idx", killed_at, bucket, spark, tmp_path, "--tokenizer", tokenizer_file)
    ends = [name.rsplit(".", 1)[1] for name in seen(before)]
    assert ends.count("bin") > ends.count("idx"), "one was killed between its two objects"
    (tmp_path / "blend.json").write_bytes(storage.read(f"{bucket}/run/exports/megatron/blend.json"))
    config = f"mmap=False, object_storage_config=S3Config(path_to_idx_cache={str(tmp_path / 'cache')!r})"
    replacements = {
        "IndexedDataset(prefix)": f"IndexedDataset(prefix, {config})",
        "import IndexedDataset": "import IndexedDataset, S3Config",
        f"{bucket}/run/exports/megatron/blend.json": str(tmp_path / "blend.json"),
    }
    result = "[shard[i].tolist() for shard in shards for i in range(len(shard))]"
    assert read_with("megatron", "megatron", f"{bucket}/run", result, tmp_path, **replacements) == expected
