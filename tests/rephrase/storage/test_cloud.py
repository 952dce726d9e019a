"""What Google's and Azure's stores have of their own. The promises of all stores are in test_storage.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rephrase import UserError, storage
from rephrase.settings.schemes import location
from rephrase.storage import cloud
from tests.rephrase.storage import cloud_memory
from tests.rephrase.storage.google_stand_in import Translator


def test_a_create_carries_googles_condition(google_bucket: str, google_server: tuple[str, Translator]) -> None:
    before = google_server[1].conditions
    assert storage.create(f"{google_bucket}/object", b"first")
    assert not storage.create(f"{google_bucket}/object", b"second")
    assert google_server[1].conditions == before + 2
    storage.put(f"{google_bucket}/object", b"third")
    assert google_server[1].conditions == before + 2


def test_a_place_is_looked_at_before_a_run(google_bucket: str) -> None:
    storage.check_writable(f"{google_bucket}/out")
    assert list(storage.list_files(google_bucket)) == []


def test_a_store_that_ignores_the_condition_is_refused_before_a_run(careless_bucket: str) -> None:
    with pytest.raises(UserError, match=r"/out: this store creates an object that is there already: .*use a store that honours it"):
        storage.check_writable(f"{careless_bucket}/out")
    assert list(storage.list_files(careless_bucket)) == []


@pytest.mark.parametrize("name", ["a b", "p%20q", "ü/ö", "x#y", "~t", "a:b", "k=v/w+x", "100%"])
def test_all_names_are_kept(google_bucket: str, name: str) -> None:
    path = f"{google_bucket}/folder/{name}"
    storage.create(path, b"x")
    assert [file.path for file in storage.list_files(f"{google_bucket}/folder")] == [path]
    assert storage.read(path) == b"x"


def test_a_bucket_that_is_not_there_is_told(google_bucket: str) -> None:
    for use in (lambda path: storage.create(path, b""), lambda path: storage.put(path, b""), lambda path: list(storage.list_files(path))):
        with pytest.raises(UserError, match="there is no bucket `nothinghere`"):
            use("gs://nothinghere/out")


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("gs:///key", "names no bucket"),
        ("gs://bucket", "names a bucket, and nothing in it"),
        ("gs://bucket/a//b", "has no such name: .*empty path segment"),
        ("az://container/key", "gets no credentials: .*Account must be specified .*AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_what_is_wrong_before_a_request_is_told(google_bucket: str, monkeypatch: pytest.MonkeyPatch, path: str, what: str) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(UserError, match=what) as refused:
        storage.create(path, b"")
    assert "Debug source" not in refused.value.line()


def test_hadoops_names_of_azure_name_the_account() -> None:
    path = location("abfss://container@account.dfs.core.windows.net/key")
    assert path == "az://container@account.dfs.core.windows.net/key"
    client = cloud.Azure().connect("container@account.dfs.core.windows.net")
    assert "account" in repr(client)
    assert client.config["account_name"] == "account"


def test_a_create_whose_answer_is_lost_is_not_taken_for_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore
    from obstore.exceptions import GenericError

    put, lost = obstore.put, iter([True])

    def stored_and_lost(*arguments: Any, **options: Any) -> Any:
        result = put(*arguments, **options)
        if next(lost, False):
            raise GenericError("Error performing PUT: HTTP error: error sending request")
        return result

    monkeypatch.setattr(obstore, "put", stored_and_lost)
    assert storage.create("cloud://lossy/object", b"mine")
    assert not storage.create("cloud://lossy/object", b"another's")
    assert cloud_memory


def test_a_stream_goes_on_where_a_connection_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 20_000
    storage.create("cloud://breaks/object", data)
    monkeypatch.setattr(cloud.time, "sleep", lambda _seconds: None)
    stream: Any = storage.open_stream("cloud://breaks/object", start=100)
    start, raw = stream.read(1000), stream.raw
    raw._chunk, raw._chunks = memoryview(b""), _then_breaks(data[raw._at : raw._at + 1000])
    assert start + stream.read() == data[100:]


def _then_breaks(chunk: bytes) -> Iterator[bytes]:
    yield chunk
    raise ConnectionResetError("connection reset")


def test_a_forked_process_is_told_that_it_cannot_use_what_its_parent_used() -> None:
    program = """
import os
from tests.rephrase.storage import cloud_memory
from rephrase import UserError, storage
storage.create("cloud://forks/object", b"x")
if os.fork() == 0:
    try:
        storage.exists("cloud://forks/object")
    except UserError as error:
        print(error.what, flush=True)
    os._exit(0)
os.wait()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "was forked from one that had used obstore" in ended.stdout
    assert not storage.store_of("gs://bucket").survives_fork
