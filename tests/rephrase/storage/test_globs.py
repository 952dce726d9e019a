"""What counts as data below a path, alike in every store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.errors import UserError
from rephrase.readers import read_documents  # noqa: F401  # readers know stores
from tests.rephrase.storage import memory_store

DATA = ["a.jsonl", "b{1}.jsonl", "deep/c.jsonl", "lang=de/d.jsonl", "year [2024]/e.jsonl", "100% # ü/f.jsonl", "_x.jsonl.d/g.jsonl"]
NOTES = [
    "_SUCCESS",
    "_temporary/0/t.jsonl",
    "_delta_log/0.json",
    "deep/_SUCCESS",
    "deep/_temporary/0/t.jsonl",
    "deep/.part.crc",
    "deep_$folder$",
    ".hidden/h.jsonl",
    "deep/._c.jsonl",
]


@pytest.fixture(params=["disk", "s3", "mem"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    assert memory_store
    start = str(tmp_path)
    if request.param != "disk":
        start = f"{request.getfixturevalue('bucket') if request.param == 's3' else 'mem://here'}/{tmp_path.name}"
    for name in (*DATA, *NOTES):
        storage.create(storage.join(start, "in", name), b"x")
    return start


def names(place: str, pattern: str) -> list[str]:
    return sorted(file.path.removeprefix(f"{place}/in/") for file in storage.expand(storage.join(place, pattern)))


def test_notes_drafts_and_markers_below_a_path_are_no_data(place: str) -> None:
    every = sorted(name for name in DATA if not name.startswith("_"))
    assert names(place, "in") == every
    assert names(place, "in/**") == every
    assert names(place, "in/**/*") == every
    assert names(place, "in/*") == ["a.jsonl", "b{1}.jsonl"]
    assert names(place, "in/**/*.json*") == every
    assert names(place, "in/**/?.jsonl") == [name for name in every if not name.startswith("b")]
    assert names(place, "i*/*/c.jsonl") == ["deep/c.jsonl"]


def test_what_a_path_itself_names_may_begin_with_anything(place: str) -> None:
    assert names(place, "in/_x.jsonl.d") == names(place, "in/_x*/*.jsonl") == ["_x.jsonl.d/g.jsonl"]
    assert names(place, "in/_delta_log/*.json") == ["_delta_log/0.json"]
    assert names(place, "in/_temporary") == ["_temporary/0/t.jsonl"]
    assert names(place, "in/_SUCCESS") == ["_SUCCESS"]


def test_a_path_that_is_there_is_taken_by_its_letters(place: str) -> None:
    assert names(place, "in/year [2024]") == names(place, "in/year [2024]/*.jsonl") == ["year [2024]/e.jsonl"]
    assert names(place, "in/year [2024]/e.jsonl") == ["year [2024]/e.jsonl"]
    assert names(place, "in/b{1}.jsonl") == ["b{1}.jsonl"]
    assert names(place, "in/100% # ü") == ["100% # ü/f.jsonl"]
    storage.create(storage.join(place, "in", "what?", "h.jsonl"), b"x")
    assert names(place, "in/what?") == ["what?/h.jsonl"]


def test_a_glob_may_name_folders(place: str) -> None:
    assert names(place, "in/lang=*") == ["lang=de/d.jsonl"]
    assert names(place, "in/*e*") == ["deep/c.jsonl", "lang=de/d.jsonl", "year [2024]/e.jsonl"]


def test_empty_objects_that_stand_for_folders_are_no_data(bucket: str) -> None:
    import boto3

    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    for key in ("in/", "in/sub/", "in/sub", "in", "in/empty.jsonl"):
        client.put_object(Bucket=name, Key=key, Body=b"")
    client.put_object(Bucket=name, Key="in/sub/a.jsonl", Body=b"x")
    expected = [f"{bucket}/in/empty.jsonl", f"{bucket}/in/sub/a.jsonl"]
    for pattern in ("in", "in/", "in/**", "i*"):
        assert [file.path for file in storage.expand(f"{bucket}/{pattern}")] == expected
    with pytest.raises(UserError, match=r"s3://buck\*/in: `buck\*` is not a valid bucket name"):
        storage.expand("s3://buck*/in")


def test_paths_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("a.jsonl", "deep/b.jsonl", "home/c.jsonl"):
        storage.create(str(tmp_path / name), b"x")
    assert [file.path for file in storage.expand("*.jsonl")] == ["a.jsonl"]
    assert [file.path for file in storage.expand("deep//*.jsonl")] == ["deep/b.jsonl"]
    assert [file.path for file in storage.expand("~/*.jsonl")] == [str(tmp_path / "home" / "c.jsonl")]
    assert storage.read("~/c.jsonl") == storage.read(f"file://{tmp_path}/home/c.jsonl") == b"x"


def test_what_cannot_be_input_is_told_or_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("x")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert [file.path for file in storage.expand(str(tmp_path))] == [str(tmp_path / "a.jsonl")]
    with pytest.raises(UserError, match="NUL"):
        storage.expand(f"{tmp_path}/a\0b")
    for path in (f"{tmp_path}/{'a' * 300}", f"{tmp_path}/{'a/' * 3000}"):
        with pytest.raises(UserError, match=r"no input files|File name too long|longer than"):
            storage.expand(path)
        with pytest.raises(UserError, match=r"cannot write: File name too long|longer than"):
            storage.create(f"{path}/x", b"")
    with open(os.fsencode(tmp_path) + b"/b\xff.jsonl", "wb"):
        pass
    with pytest.raises(UserError, match="not UTF-8") as refused:
        storage.expand(str(tmp_path))
    assert refused.value.line().encode()


def test_keys_with_empty_parts_are_data_too(tmp_path: Path) -> None:
    start = f"mem://here/{tmp_path.name}"
    for name in ("a//b.jsonl", "a//_SUCCESS", "a///c/d.jsonl"):
        storage.create(f"{start}/{name}", b"x")
    for pattern in (start, f"{start}/a", f"{start}/**/*.jsonl"):
        assert [file.path.removeprefix(f"{start}/") for file in storage.expand(pattern)] == ["a///c/d.jsonl", "a//b.jsonl"]
