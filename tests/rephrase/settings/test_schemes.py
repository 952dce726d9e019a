"""How other tools write locations, and which of them no store can reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from rephrase import UserError
from rephrase.settings.paths import File, InputFiles, Model, OutputFolder, Recording
from rephrase.settings.schemes import location
from rephrase.settings.section import Section
from rephrase.settings.validation import validate


class Places(Section):
    file: File = "a"
    files: list[InputFiles] = Field(default=[])
    model: Model = "b"
    output: OutputFolder = "c"
    recording: Recording = "d"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("s3://bucket/key", "s3://bucket/key"),
        ("S3://Bucket/key", "s3://Bucket/key"),
        ("s3a://bucket/key*", "s3://bucket/key*"),
        ("s3n://bucket", "s3://bucket"),
        ("GS://bucket/key", "gs://bucket/key"),
        ("gcs://bucket/key", "gs://bucket/key"),
        ("abfs://container@account.dfs.core.windows.net/key", "az://container@account.dfs.core.windows.net/key"),
        ("abfss://container@account.dfs.core.windows.net/key", "az://container@account.dfs.core.windows.net/key"),
        ("hdfs://node:8020/key", "hdfs://node:8020/key"),
        ("hf://datasets/org/name@main/*.parquet", "hf://datasets/org/name@main/*.parquet"),
        ("file:///data/crawl", "/data/crawl"),
        ("file:/data/crawl", "/data/crawl"),
        ("FILE://localhost/data/my%20crawl/*.jsonl", "/data/my crawl/*.jsonl"),
        ("/data/http://x", "/data/http://x"),
        ("/data/a:/b", "/data/a:/b"),
    ],
)
def test_what_means_the_same_is_the_same(written: str, meant: str) -> None:
    assert location(written) == meant
    [file] = validate(Places, {"files": [written]}, "run.yaml", base=Path("/runs")).files
    assert file == meant


REFUSED = {
    **dict.fromkeys(("wasbs", "webhdfs", "oss", "cos", "https", "ftp"), "there is no store for"),
    "dbfs": "there is no store for dbfs://",
}
WRONG = [
    *((f"{scheme}://bucket/key", what) for scheme, what in REFUSED.items()),
    ("dbfs:/FileStore/x", "there is no store for dbfs://"),
    ("OSS://bucket", "there is no store for oss://"),
    ("s3:/bucket/key", "write s3://bucket/key"),
    ("s3a:/bucket/key", "write s3://bucket/key"),
    ("file://server/share", "another machine"),
    ("C:\\crawl\\a.jsonl", "path of Windows"),
    ("d:/crawl", "path of Windows"),
    ("\\\\server\\share", "path of Windows"),
    ("a\0b", "NUL"),
]


@pytest.mark.parametrize(("path", "what"), WRONG)
@pytest.mark.parametrize("key", ["file", "files", "model", "output", "recording"])
def test_what_cannot_be_reached_is_refused_when_the_config_is_read(path: str, what: str, key: str) -> None:
    for base in (None, Path("/runs")):
        with pytest.raises(UserError) as refused:
            validate(Places, {key: [path] if key == "files" else path}, "run.yaml", base=base)
        line = refused.value.line()
        assert what in line
        assert line.startswith("run.yaml: ")
        if "no store" in what:
            assert "s3://" in line


@pytest.mark.parametrize("scheme", ["hf", "hdfs", "viewfs"])
def test_an_output_is_of_no_store_that_is_only_read(scheme: str) -> None:
    with pytest.raises(UserError, match=rf"{scheme}:// is read, and not written .*s3://, gs://, az://"):
        validate(Places, {"output": f"{scheme}://datasets/org/name"}, "run.yaml")


def test_registered_stores_are_named_and_taken() -> None:
    from tests.rephrase.storage import memory_store

    assert location("mem://here/x") == "mem://here/x"
    assert memory_store
    with pytest.raises(UserError, match=r"mem://"):
        location("oss://x")


def test_home_folders_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for base in (None, "/runs"):
        places = Places.model_validate(dict.fromkeys(("file", "model", "output"), "~/x"), context={"base": base})
        assert (places.file, places.model, places.output) == (f"{tmp_path}/x",) * 3


def test_hub_ids_stay(tmp_path: Path) -> None:
    assert Places.model_validate({"model": "org/name"}, context={"base": tmp_path}).model == "org/name"
    with pytest.raises(ValidationError, match="named by its id alone"):
        Places.model_validate({"model": "hf://org/name"})
