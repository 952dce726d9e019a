"""Datasets of the hub are input like any other, are never written by a run, and take a finished mixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rephrase import UserError, storage
from tests.hub_stand_in import HubStandIn, hub_stand_in

DATASET = "hf://datasets/acme/pages"
LINES = b'{"id": "a", "text": "one"}\n' * 200_000


@pytest.fixture(scope="module")
def server() -> Iterator[HubStandIn]:
    with hub_stand_in() as hub:
        hub.datasets["acme/pages"] = {"README.md": b"# Pages", ".gitattributes": b"*", "data/a b.jsonl": LINES, "data/en/c.jsonl": b"{}\n"}
        yield hub


@pytest.fixture
def hub(server: HubStandIn, monkeypatch: pytest.MonkeyPatch) -> HubStandIn:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    return server


def test_files_folders_and_globs_of_a_dataset_are_input(hub: HubStandIn) -> None:
    def names(pattern: str) -> list[str]:
        return [file.path.removeprefix(DATASET) for file in storage.expand(pattern)]

    assert names(f"{DATASET}/data") == ["/data/a b.jsonl", "/data/en/c.jsonl"]
    assert names(f"{DATASET}/data/*.jsonl") == ["/data/a b.jsonl"]
    assert names(f"{DATASET}/**/*.jsonl") == ["/data/a b.jsonl", "/data/en/c.jsonl"]
    [pinned] = storage.expand(f"{DATASET}@v1.0/data/en/c.jsonl")
    assert pinned == storage.FileInfo(f"{DATASET}@v1.0/data/en/c.jsonl", 3)


def test_a_file_is_read_as_it_is(hub: HubStandIn) -> None:
    path = f"{DATASET}/data/a b.jsonl"
    assert storage.read(path) == LINES
    with storage.open_random(path) as stream:
        stream.seek(-27, 2)
        assert stream.read() == LINES[-27:]
    assert storage.open_stream(path, start=27).read(26) == LINES[:26]


def test_a_request_that_is_refused_for_a_moment_is_made_again(hub: HubStandIn) -> None:
    hub.busy = 1
    assert storage.read(f"{DATASET}/data/en/c.jsonl") == b"{}\n"
    assert hub.busy == 0


def test_what_is_not_there_is_told(hub: HubStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not storage.exists(f"{DATASET}/data/z.jsonl")
    with pytest.raises(FileNotFoundError):
        storage.read(f"{DATASET}/data/z.jsonl")
    with pytest.raises(UserError, match=r"there is no datasets/acme/nothing on the hub, or it is not yours to read .*HF_TOKEN"):
        storage.expand("hf://datasets/acme/nothing/*.jsonl")
    for wrong in ("hf://acme/pages/x", "hf://datasets/acme", "hf://spaces/acme/pages/x"):
        with pytest.raises(UserError, match=r"no dataset of the hub .*hf://datasets/ORG/NAME"):
            storage.exists(wrong)


def test_a_run_does_not_write_there(hub: HubStandIn) -> None:
    asked = len(hub.requests)
    for use in (storage.check_writable, storage.delete, lambda path: storage.put(path, b""), lambda path: storage.create(path, b"")):
        with pytest.raises(UserError, match="hf:// is read, and not written"):
            use(f"{DATASET}/out")
    assert len(hub.requests) == asked


def test_files_of_hdfs_are_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By pyarrow's own file system of this disk in place of HDFS's, whose client needs a cluster."""
    from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

    from rephrase.storage import hadoop

    monkeypatch.setattr(hadoop, "_system", lambda _address, _pid: SubTreeFileSystem(str(tmp_path), LocalFileSystem()))
    storage.create(str(tmp_path / "crawl" / "a.jsonl"), b"0123456789")
    storage.create(str(tmp_path / "crawl" / "_logs" / "b.jsonl"), b"x")
    assert [file.path for file in storage.expand("hdfs://node:8020/crawl")] == ["hdfs://node:8020/crawl/a.jsonl"]
    assert [file.path for file in storage.expand("hdfs:///crawl/*.jsonl")] == ["hdfs:///crawl/a.jsonl"]
    assert storage.read("hdfs://node:8020/crawl/a.jsonl") == b"0123456789"
    assert storage.store_of("hdfs://node/x").read_range("hdfs://node/crawl/a.jsonl", 3, 5) == b"34"
    assert not storage.exists("hdfs://node/crawl/z")
    with pytest.raises(UserError, match="hdfs:// is read, and not written"):
        storage.create("hdfs://node/crawl/out", b"")
