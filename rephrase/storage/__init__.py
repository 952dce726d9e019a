"""Files on disk and objects on S3 behind one set of functions. A location is a path or an `s3://bucket/key` URL.

The promise that the pipeline rests on is `create`: an object appears whole or not at all, and only once.
On S3 that is one single-part PUT with `If-None-Match: *`, on disk a temporary file and a hard link.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import io
import itertools
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from rephrase.errors import UserError
from rephrase.storage import s3

_MAGIC = re.compile(r"[*?\[]")
_REMOVERS = 16  # requests at a time
_PARTS = 1024  # that Linux writes with one call
_RANGE_BYTES = 1 << 20  # read-ahead of a ranged S3 read: a Parquet footer and small row groups come with one GET


@dataclass(frozen=True, slots=True, order=True)
class FileInfo:
    """A stored file: its location, its size in bytes, and when it was stored (Unix time; 0 where that was not asked)."""

    path: str
    size: int
    modified: float = field(default=0.0, compare=False)


def is_s3(path: str) -> bool:
    """Whether the location is an S3 URL."""
    return path.startswith("s3://")


def join(base: str, *parts: str) -> str:
    """A location below another."""
    return "/".join([base.rstrip("/"), *(p.strip("/") for p in parts)])


def name_of(path: str) -> str:
    """The last part of a location."""
    return path.rstrip("/").rsplit("/", 1)[-1]


def create(path: str, *data: bytes | memoryview, durable: bool = True) -> bool:
    """Store `data`, one part after the other, if nothing is there yet.

    True: this call stored it. False: it was there, complete, and is untouched. Of many callers at once exactly one succeeds. What is not
    `durable` may be cut off if the machine of a file system stops. Raises `UserError` where the place cannot be written.
    """
    return s3.create(path, b"".join(data)) if is_s3(path) else _create_file(path, data, durable=durable)


def create_from(path: str, local: str) -> bool:
    """Store a local file's content as `create` does. A `path` on disk must be of the same file system: both are then names of one file."""
    with open(local, "rb") as file:
        if is_s3(path):
            return s3.create(path, file)
        os.fsync(file.fileno())
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    return _link(local, path)


def put(path: str, data: bytes) -> None:
    """Store `data`, replacing what was there at once. For notes beside the tables; tables are only ever created."""
    if is_s3(path):
        s3.put(path, data)
        return
    if os.path.isdir(path):
        raise UserError("cannot write: there is a folder of this name", where=path, cure="give the path of a file")
    temporary = _write_temporary(path, [data])
    os.replace(temporary, path)


def read(path: str) -> bytes:
    """The whole content. Raises FileNotFoundError where there is none."""
    with open_stream(path) as stream:
        return stream.read()


def read_into(path: str, start: int, buffer: memoryview) -> None:
    """Fill the buffer with what the file or the object has from `start`. Raises FileNotFoundError, and EOFError where it is too short."""
    if is_s3(path):
        read = s3.get_range(path, start, start + len(buffer))
        buffer[: len(read)] = read
        size = len(read)
    else:
        with open(path, "rb", buffering=0) as file:
            size = os.preadv(file.fileno(), [buffer], start)
    if size < len(buffer):
        raise EOFError(f"{path} ends before byte {start + len(buffer)}")


def exists(path: str) -> bool:
    """Whether a file or an object is there."""
    if not is_s3(path):
        return os.path.exists(path)
    return s3.size_of(path) is not None


def open_stream(path: str) -> BinaryIO:
    """A binary stream for reading from start to end. Raises FileNotFoundError where there is none."""
    if is_s3(path):
        return cast("BinaryIO", io.BufferedReader(s3.ResumingBody(path), _RANGE_BYTES))
    return _open(path)


def open_random(path: str) -> BinaryIO:
    """A binary stream that can seek, for Parquet."""
    if is_s3(path):
        return cast("BinaryIO", io.BufferedReader(s3.RangedObject(path), _RANGE_BYTES))
    return _open(path)


def _open(path: str) -> BinaryIO:
    with readable(path):
        return open(path, "rb")


@contextlib.contextmanager
def readable(path: str) -> Iterator[None]:
    """Say as a `UserError` that what is read in the block is there and no file that may be read."""
    try:
        yield
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        what = os.strerror(error.errno or 0)  # Arrow's own words repeat the path
        raise UserError(f"cannot read: {what}", where=path, cure="check the path and its permissions") from error


def read_ahead(stream: BinaryIO, ranges: Sequence[tuple[int, int]]) -> None:
    """Read byte ranges (start, end) of what `open_random` opened, if it is on S3, many at once; what is asked of them later is there."""
    raw = getattr(stream, "raw", None)
    if isinstance(raw, s3.RangedObject):
        raw.read_ahead(ranges)


def delete(path: str) -> None:
    """Remove a file or an object, if it is there."""
    if is_s3(path):
        s3.delete(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def remove_folder(folder: str, *, last: str = "") -> None:
    """Remove all files below a folder, and the folder; the file `last` in it only when all others are gone."""
    end = join(folder, last)
    with ThreadPoolExecutor(_REMOVERS) as pool:
        for _ in pool.map(lambda file: delete(file.path), (file for file in list_files(folder) if file.path != end)):
            pass
    if is_s3(folder):
        if last:
            delete(end)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def list_files(folder: str) -> Iterator[FileInfo]:
    """All files below a folder, sorted by path; none where the folder is not there. Hidden and temporary ones are left out."""
    if is_s3(folder):
        yield from itertools.starmap(FileInfo, s3.list_objects(folder))
        return
    found = []
    with readable(folder), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.scandir(folder).close()  # the walk passes over what it cannot read
    for parent, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for name in names:
            if not name.startswith("."):
                path = os.path.join(parent, name)
                with contextlib.suppress(FileNotFoundError):
                    about = os.stat(path)
                    found.append(FileInfo(path, about.st_size, about.st_mtime))
    yield from sorted(found)


def expand(pattern: str) -> list[FileInfo]:
    """The files that a path, a folder or a glob (`*`, `?`, `[…]`, `**`) names, sorted. Raises `UserError` if there are none."""
    if _MAGIC.search(pattern):
        base = pattern[: _MAGIC.search(pattern).start()].rsplit("/", 1)[0]  # type: ignore[union-attr]  # searched above
        matcher = re.compile(_glob_regex(pattern))
        files = [f for f in list_files(base or ("/" if pattern.startswith("/") else ".")) if matcher.fullmatch(f.path)]
    elif is_s3(pattern):
        size = None if pattern.endswith("/") or "/" not in pattern[5:] else s3.size_of(pattern)
        files = [FileInfo(pattern, size)] if size is not None else list(list_files(pattern))
    elif os.path.isfile(pattern):
        files = [FileInfo(pattern, os.path.getsize(pattern))]
    else:
        files = [f for f in list_files(pattern) if not name_of(f.path).startswith("_")]
    if not files:
        raise UserError("no input files found", where=pattern, cure="check the path; globs and folders are allowed")
    return files


def check_writable(folder: str) -> None:
    """Raise a `UserError` now rather than after hours of work if nothing can be stored below `folder`."""
    probe = join(folder, f".probe-{uuid.uuid4().hex}")
    try:
        create(probe, b"")
    except UserError as error:
        raise UserError(error.what, where=folder, cure=error.cure) from error
    delete(probe)


def _glob_regex(pattern: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(special.get(p) or (fnmatch.translate(p)[4:-3] if p.startswith("[") else re.escape(p)) for p in parts)


def _write_temporary(path: str, data: Iterable[bytes | memoryview], *, durable: bool = True) -> str:
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".{name_of(path)}.{uuid.uuid4().hex}.tmp")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(temporary, "wb", buffering=0) as file:
            _write_parts(file.fileno(), data)
            if durable:
                os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise UserError(f"cannot write: {error.strerror}", where=path, cure="check permissions and free space") from error
    return temporary


def _write_parts(file: int, data: Iterable[bytes | memoryview]) -> None:
    """Write all parts, many with one call: file systems then give them memory in larger pieces."""
    parts = [memoryview(part) for part in data]
    for at in range(0, len(parts), _PARTS):
        waiting = parts[at : at + _PARTS]
        while waiting:
            written = os.writev(file, waiting)
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.pop(0))
            if waiting:
                waiting[0] = waiting[0][written:]


def _create_file(path: str, data: Iterable[bytes | memoryview], *, durable: bool) -> bool:
    if os.path.exists(path):
        return False
    temporary = _write_temporary(path, data, durable=durable)
    try:
        return _link(temporary, path)
    finally:
        os.unlink(temporary)


def _link(temporary: str, path: str) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP):
            raise
        raise UserError(
            "this file system has no hard links, so that nothing can be created atomically",
            where=path,
            cure="write to a local disk, NFS or s3://",
        ) from error
    return True
