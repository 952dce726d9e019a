"""Files on disk and objects of any store behind one set of functions. A location is a path or a URL such as `s3://bucket/key`.

The promise that the pipeline rests on is `create`: an object appears whole or not at all, and only once.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from rephrase.errors import UserError
from rephrase.settings.schemes import is_url, location
from rephrase.storage.base import FileInfo, Store, buffered, join, name_of, stores
from rephrase.storage.file_list import FileList
from rephrase.storage.globs import input_files
from rephrase.storage.local import Local, readable
from rephrase.storage.ranged import RangedObject

__all__ = [
    "FileInfo",
    "FileList",
    "about",
    "check_writable",
    "create",
    "create_from",
    "delete",
    "exists",
    "expand",
    "is_local",
    "join",
    "list_files",
    "name_of",
    "open_random",
    "open_stream",
    "put",
    "read",
    "read_ahead",
    "read_into",
    "readable",
    "remove_empty_folder",
    "remove_folder",
    "store_of",
]

_REMOVERS = 16  # requests at a time
_LOCAL = Local()


def store_of(path: str) -> Store:
    """The store that a location is of. Raises `UserError` for a URL of a scheme that no store is registered for."""
    return _located(path)[0]


def _located(path: str) -> tuple[Store, str]:
    """The store of a location, and the location as the store knows it."""
    path = location(path)
    return (_store(path.partition("://")[0]), path) if is_url(path) else (_LOCAL, path)


@functools.cache
def _store(scheme: str) -> Store:
    return stores.find(scheme)()


def is_local(path: str) -> bool:
    """Whether the location is a path of a file system, so that its files can be opened by their names and stand in real folders."""
    return store_of(path) is _LOCAL


def create(path: str, *data: bytes | memoryview, durable: bool = True) -> bool:
    """Store `data`, one part after the other, if nothing is there yet.

    True: this call stored it. False: it was there, complete, and is untouched. Of many callers at once exactly one succeeds. What is not
    `durable` may be cut off if the machine of a file system stops. Raises `UserError` where the place cannot be written.
    """
    store, path = _located(path)
    return store.create(path, data, durable=durable)


def create_from(path: str, local: str) -> bool:
    """Store a local file's content as `create` does. A `path` on disk must be of the same file system: both are then names of one file."""
    store, path = _located(path)
    return store.create_from(path, local)


def put(path: str, data: bytes) -> None:
    """Store `data`, replacing what was there at once. For notes beside the tables; tables are only ever created."""
    store, path = _located(path)
    store.put(path, data)


def read(path: str) -> bytes:
    """The whole content. Raises FileNotFoundError where there is none."""
    with open_stream(path) as stream:
        return stream.read()


def read_into(path: str, start: int, buffer: memoryview) -> None:
    """Fill the buffer with what the file or the object has from `start`. Raises FileNotFoundError, and EOFError where it is too short."""
    store, path = _located(path)
    if store.read_into(path, start, buffer) < len(buffer):
        raise EOFError(f"{path} ends before byte {start + len(buffer)}")


def exists(path: str) -> bool:
    """Whether a file or an object is there; on disk also a folder."""
    store, path = _located(path)
    return store.exists(path)


def about(path: str) -> FileInfo | None:
    """The size of a file or an object, and when it was stored, if the store tells; None where there is none."""
    store, path = _located(path)
    return store.about(path)


def open_stream(path: str, start: int = 0) -> BinaryIO:
    """A binary stream for reading from a byte to the end. Raises FileNotFoundError where there is none."""
    store, path = _located(path)
    return store.open_stream(path, start) if start else store.open_stream(path)


def open_random(path: str, size: int | None = None) -> BinaryIO:
    """A binary stream that can seek, for Parquet. Raises FileNotFoundError where there is none.

    size: bytes of the object, where they are known and will not change: stores are then not asked for them.
    """
    store, path = _located(path)
    if size is not None and type(store).open_random is Store.open_random:
        return buffered(RangedObject(store.read_range, path, size))
    return store.open_random(path)


def read_ahead(stream: BinaryIO, ranges: Sequence[tuple[int, int]]) -> None:
    """Read byte ranges (start, end) of what `open_random` opened, many at once, unless it is on disk; reads of them find it there."""
    raw = getattr(stream, "raw", None)
    if isinstance(raw, RangedObject):
        raw.read_ahead(ranges)


def delete(path: str) -> None:
    """Remove a file or an object, if it is there."""
    store, path = _located(path)
    store.delete(path)


def remove_folder(folder: str, *, last: str = "") -> None:
    """Remove all files below a folder, and the folder; the file `last` in it only when all others are gone."""
    end = join(folder, last)
    with ThreadPoolExecutor(_REMOVERS) as pool:
        for _ in pool.map(lambda file: delete(file.path), (file for file in list_files(folder) if file.path != end)):
            pass
    if is_local(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif last:
        delete(end)


def remove_empty_folder(folder: str) -> None:
    """Remove a folder that nothing is in. One that is not there, or not empty, is left alone; so are stores, which have no folders."""
    if is_local(folder):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def list_files(folder: str) -> Iterator[FileInfo]:
    """All files below a folder, sorted by path; none where the folder is not there. Hidden and temporary ones are left out."""
    store, folder = _located(folder)
    return store.list_files(folder)


def expand(pattern: str) -> FileList:
    """The files that a path, a folder or a glob (`*`, `?`, `[…]`, `**`) names, sorted; those of the folders where a glob names folders.

    What is there under the very name is taken, whatever signs it holds. Below it, in globs too, names that begin with `_` or `.` are notes
    and drafts, no data, and so are the markers that stores have for folders. Raises `UserError` if there are none.
    """
    store, pattern = _located(pattern)
    if not is_url(pattern):
        pattern = os.path.normpath(pattern)
        pattern = f"./{pattern}" if pattern.startswith("~") else pattern  # a folder of this name, and not the home folder
    files = input_files(store, pattern)
    if not files:
        raise UserError("no input files found", where=pattern, cure="check the path; globs and folders are allowed")
    return files


def check_writable(folder: str) -> None:
    """Raise a `UserError` now rather than after hours of work if nothing can be stored below `folder`, or more than once under one name."""
    probe = join(folder, f".probe-{uuid.uuid4().hex}")
    try:
        create(probe, b"")
        twice = create(probe, b"")
    except UserError as error:
        raise UserError(error.what, where=folder, cure=error.cure) from error
    delete(probe)
    if twice:
        what = "this store creates an object that is there already: it ignores the condition that each object is created once by"
        raise UserError(
            what, where=folder, cure="use a store that honours it: current versions of AWS S3, Ceph and MinIO, gs://, az://, a disk"
        )
