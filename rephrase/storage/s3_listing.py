"""The objects below a prefix of an S3 bucket, in the order of their keys, many folders at a time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rephrase.storage.base import FileInfo
from rephrase.storage.file_list import FileList

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PAGE = 1000  # keys of an answer, at most what S3 gives
_AT_ONCE = 16  # folders that are listed at a time
_AHEAD = 64  # folders that may be listed before they are asked for: their files wait in memory


def objects_below(client: S3Client, bucket: str, prefix: str) -> Iterator[FileInfo]:
    """All objects, hidden ones too. Where there is more than one page, and folders below the prefix, these are listed side by side."""
    pages = _pages(client, bucket, prefix)
    first = next(pages)
    yield from _files(bucket, first)
    if not first.get("IsTruncated"):
        return
    level, folders = prefix, _pages(client, bucket, prefix, "/")
    page = next(folders)
    while len(page.get("CommonPrefixes", [])) == 1 and not page.get("Contents") and not page.get("IsTruncated"):
        level = page["CommonPrefixes"][0]["Prefix"]
        folders = _pages(client, bucket, level, "/")
        page = next(folders)
    if len(page.get("CommonPrefixes", [])) <= 1:
        for following in pages:
            yield from _files(bucket, following)
        return
    last = f"s3://{bucket}/{first['Contents'][-1]['Key']}"
    side_by_side = _side_by_side(client, bucket, itertools.chain([page], folders))
    yield from itertools.dropwhile(lambda file: file.path <= last, side_by_side)


def _side_by_side(client: S3Client, bucket: str, pages: Iterator[Any]) -> Iterator[FileInfo]:
    """The objects of a level and those below its folders, which sort as they stand in it."""
    waiting: deque[Future[FileList] | FileInfo] = deque()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for page in pages:
            entries: list[tuple[str, FileInfo | None]] = [(file.path, file) for file in _files(bucket, page)]
            entries += [(f"s3://{bucket}/{folder['Prefix']}", None) for folder in page.get("CommonPrefixes", [])]
            for path, file in sorted(entries, key=lambda entry: entry[0]):
                waiting.append(file or pool.submit(_all_of, client, bucket, path.removeprefix(f"s3://{bucket}/")))
                while len(waiting) > _AHEAD:
                    yield from _taken(waiting.popleft())
        while waiting:
            yield from _taken(waiting.popleft())


def _taken(entry: Future[FileList] | FileInfo) -> Iterator[FileInfo]:
    return iter((entry,)) if isinstance(entry, FileInfo) else iter(entry.result())


def _all_of(client: S3Client, bucket: str, prefix: str) -> FileList:
    return FileList(file for page in _pages(client, bucket, prefix) for file in _files(bucket, page))


def _pages(client: S3Client, bucket: str, prefix: str, delimiter: str = "") -> Iterator[Any]:
    more: Any = {"Delimiter": delimiter} if delimiter else {}
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": _PAGE}, **more)
    return iter(pages)


def _files(bucket: str, page: Any) -> Iterator[FileInfo]:
    return (FileInfo(f"s3://{bucket}/{item['Key']}", item["Size"], item["LastModified"].timestamp()) for item in page.get("Contents", []))
