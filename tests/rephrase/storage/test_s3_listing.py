"""Folders of a bucket are listed side by side, and give what one listing gives."""

from __future__ import annotations

import itertools

import pytest

from rephrase import storage
from rephrase.storage import s3_listing


def keys(bucket: str, folder: str = "many") -> list[str]:
    return [file.path.removeprefix(f"{bucket}/{folder}/") for file in storage.list_files(f"{bucket}/{folder}")]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 1000])
def test_many_folders_give_what_one_listing_gives(bucket: str, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    names = ["a", "a.txt", "a/1", "a/2", "a/b/3", "a/b/4", "a0", "b/.hidden", "b/.x/5", "b/6", "c//7", "d-/8", "d/9", "d0/1", "é/1", "z"]
    for name in (*names, ".other/1"):
        storage.put(f"{bucket}/many/{name}", name.encode())
    monkeypatch.setattr(s3_listing, "_PAGE", page)
    assert keys(bucket) == sorted(name for name in names if "/." not in name)
    assert keys(bucket, "many/a") == ["1", "2", "b/3", "b/4"]
    assert [file.size for file in storage.list_files(f"{bucket}/many")][:2] == [1, 5]


def test_folders_below_one_folder_are_listed_side_by_side(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"one/two/{n:02d}/{m}" for n in range(20) for m in range(5)]
    for name in names:
        storage.put(f"{bucket}/many/{name}", b"x")
    monkeypatch.setattr(s3_listing, "_PAGE", 8)
    listed = []
    original = s3_listing._all_of
    monkeypatch.setattr(s3_listing, "_all_of", lambda *about: listed.append(about[2]) or original(*about))  # type: ignore[func-returns-value]
    assert keys(bucket) == names
    assert sorted(listed) == [f"many/one/two/{n:02d}/" for n in range(20)]
    listed.clear()
    assert len(list(itertools.islice(storage.list_files(f"{bucket}/many"), 8))) == 8
    assert not listed, "who asks for the first ones waits for one page"
