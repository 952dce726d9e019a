from __future__ import annotations

import os
import threading

import pyarrow as pa
import pytest

from rephrase import storage
from rephrase.errors import UserError
from rephrase.notes import RowsNote
from rephrase.storage import tables
from tests.rephrase.storage import cloud_memory, memory_store

_SCHEMES = {"mem": "mem://here", "cloud": "cloud://here"}


@pytest.fixture(params=["disk", "s3", "ceph", "mem", "cloud", "gs", pytest.param("az", marks=[pytest.mark.long, pytest.mark.timeout(900)])])
def place(request, tmp_path) -> str:
    if request.param == "disk":
        return str(tmp_path)
    fixture = {"s3": "bucket", "ceph": "ceph_bucket", "gs": "google_bucket", "az": "azure_container"}.get(request.param)
    return f"{request.getfixturevalue(fixture) if fixture else _SCHEMES[request.param]}/{tmp_path.name}"


def test_create_stores_once_and_never_replaces(place):
    path = storage.join(place, "a", "object")
    assert storage.create(path, b"first") is True
    assert storage.create(path, b"second") is False
    assert storage.read(path) == b"first"


def test_of_many_creators_at_once_exactly_one_succeeds(place):
    path = storage.join(place, "contested")
    results: list[bool] = []
    threads = [threading.Thread(target=lambda n=n: results.append(storage.create(path, bytes([n]) * 100_000))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]
    data = storage.read(path)
    assert len(data) == 100_000
    assert len(set(data)) == 1


def test_nothing_is_left_behind_beside_the_object(tmp_path):
    storage.create(str(tmp_path / "x"), b"1")
    storage.create(str(tmp_path / "x"), b"2")
    storage.put(str(tmp_path / "x"), b"3")
    assert os.listdir(tmp_path) == ["x"]


def test_put_replaces(place):
    path = storage.join(place, "note")
    storage.put(path, b"1")
    storage.put(path, b"22")
    assert storage.read(path) == b"22"


def test_random_access_reads_what_a_file_would(place):
    path = storage.join(place, "object")
    data = bytes(range(256)) * 5000
    storage.create(path, data)
    with storage.open_random(path) as stream:
        stream.seek(-1000, os.SEEK_END)
        assert stream.read() == data[-1000:]
        stream.seek(77)
        assert stream.read(2000) == data[77:2077]
        assert stream.read(0) == b""


def test_stream_reads_to_the_end(place):
    path = storage.join(place, "object")
    data = os.urandom(3_000_000)
    storage.create(path, data)
    with storage.open_stream(path) as stream:
        assert b"".join(iter(lambda: stream.read(70_000), b"")) == data


def test_missing_objects_are_file_not_found(place):
    path = storage.join(place, "nothing")
    assert storage.exists(path) is False
    for opened in (storage.open_stream, storage.open_random):
        with pytest.raises(FileNotFoundError):
            opened(path).read()
    storage.delete(path)


def test_expand_takes_files_folders_and_globs(place):
    for name in ("in/a.jsonl", "in/b.jsonl.gz", "in/deep/c.jsonl", "in/.hidden"):
        storage.create(storage.join(place, name), b"x")

    def names(pattern: str) -> list[str]:
        return [f.path.removeprefix(place + "/") for f in storage.expand(storage.join(place, pattern))]

    assert names("in") == ["in/a.jsonl", "in/b.jsonl.gz", "in/deep/c.jsonl"]
    assert names("in/*.jsonl") == ["in/a.jsonl"]
    assert names("in/**/*.jsonl") == ["in/a.jsonl", "in/deep/c.jsonl"]
    assert names("in/[ab].jsonl*") == ["in/a.jsonl", "in/b.jsonl.gz"]
    assert names("in/a.jsonl") == ["in/a.jsonl"]
    for nothing in ("in/*.warc", "other", "in/z.jsonl"):
        with pytest.raises(UserError, match="no input files"):
            names(nothing)


def test_ranges_are_read_into_a_buffer(place):
    path = storage.join(place, "object")
    storage.create(path, b"01234", b"56789")
    buffer = bytearray(4)
    storage.read_into(path, 3, memoryview(buffer))
    assert buffer == b"3456"
    with pytest.raises(EOFError, match="ends before byte 11"):
        storage.read_into(path, 7, memoryview(buffer))


def test_a_local_file_is_stored_once(place, tmp_path):
    (tmp_path / "draft").write_bytes(b"draft")
    path = storage.join(place, "final")
    assert storage.create_from(path, str(tmp_path / "draft")) is True
    assert storage.create_from(path, str(tmp_path / "draft")) is False
    assert storage.read(path) == b"draft"


def test_folders_go_with_all_that_is_in_them(place):
    for name in ("a", "b/c", "_last"):
        storage.create(storage.join(place, "folder", name), b"x")
    storage.remove_folder(storage.join(place, "folder"), last="_last")
    assert list(storage.list_files(storage.join(place, "folder"))) == []
    assert not storage.exists(storage.join(place, "folder", "_last"))
    storage.remove_empty_folder(storage.join(place, "folder"))


def test_a_folder_goes_only_when_it_is_empty(tmp_path):
    storage.create(str(tmp_path / "folder" / "file"), b"x")
    storage.remove_empty_folder(str(tmp_path / "folder"))
    assert storage.exists(str(tmp_path / "folder" / "file"))
    storage.delete(str(tmp_path / "folder" / "file"))
    storage.remove_empty_folder(str(tmp_path / "folder"))
    assert not (tmp_path / "folder").exists()


def test_tables_are_kept_in_any_store(place):
    table = pa.table({"id": ["a", "b", "c"], "text": ["one", "two", "three"]})
    path = storage.join(place, "table", "part.parquet")
    assert tables.commit(path, table, RowsNote(documents=3), row_groups=[2, 1])
    assert tables.objects(storage.join(place, "table")) == [path]
    assert tables.footer(path, RowsNote).note == RowsNote(documents=3)
    assert tables.read(path, ["text"]).column("text").to_pylist() == ["one", "two", "three"]


def test_a_scheme_without_a_store_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for use in (storage.exists, storage.check_writable, storage.expand, lambda path: storage.create(path, b"")):
        with pytest.raises(UserError, match=r"oss://bucket/object: there is no store for oss:// \(write a path, or a URL of .*s3://"):
            use("oss://bucket/object")
    assert os.listdir(tmp_path) == []


def test_paths_are_no_urls():
    assert storage.is_local("out/http://x")
    assert storage.is_local("file")
    assert not storage.is_local("s3://bucket/x")
    assert storage.store_of("mem://x") is storage.store_of("mem://y")
    assert isinstance(storage.store_of("mem://x"), memory_store.Memory)
    assert isinstance(storage.store_of("cloud://x"), cloud_memory.CloudMemory)


def test_a_missing_bucket_is_a_clear_error(s3_server):
    with pytest.raises(UserError, match=r"s3://no-such-bucket-here/x: there is no bucket `no-such-bucket-here`"):
        storage.create("s3://no-such-bucket-here/x", b"")
    with pytest.raises(UserError, match="there is no bucket"):
        list(storage.list_files("s3://no-such-bucket-here/x"))


def test_an_unwritable_folder_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        storage.check_writable(str(tmp_path / "file" / "below"))


def test_an_object_of_more_parts_than_one_call_writes_is_whole(tmp_path, monkeypatch):
    parts = [bytes([number % 251]) * (number % 7) for number in range(3000)]
    whole = os.writev

    def cut_short(file, buffers):
        return whole(file, [*buffers[:-1], buffers[-1][:2]] if len(buffers) > 1 else buffers)

    monkeypatch.setattr(os, "writev", cut_short)
    path = str(tmp_path / "object")
    assert storage.create(path, *(memoryview(part) for part in parts), durable=False)
    assert storage.read(path) == b"".join(parts)
    assert not storage.create(path, b"other")
