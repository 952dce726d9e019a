"""Files on disk and objects on S3 behind one set of functions. A location is a path or an `s3://bucket/key` URL.

The promise that the pipeline rests on is `create`: an object appears whole or not at all, and only once.
On S3 that is one single-part PUT with `If-None-Match: *`, on disk a temporary file and a hard link.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import functools
import io
import itertools
import os
import random
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rephrase.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MAGIC = re.compile(r"[*?\[]")
_S3_ATTEMPTS = 10
_REMOVERS = _READERS = 16  # requests at a time
_PARTS = 1024  # that Linux writes with one call
_WRITER = "rephrase-writer"  # metadata that tells the call which stored an object
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
    return _create_s3(path, b"".join(data)) if is_s3(path) else _create_file(path, data, durable=durable)


def create_from(path: str, local: str) -> bool:
    """Store a local file's content as `create` does. A `path` on disk must be of the same file system: both are then names of one file."""
    with open(local, "rb") as file:
        if is_s3(path):
            return _create_s3(path, file)
        os.fsync(file.fileno())
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    return _link(local, path)


def put(path: str, data: bytes) -> None:
    """Store `data`, replacing what was there at once. For notes beside the tables; tables are only ever created."""
    if is_s3(path):
        bucket, key = _split(path)
        with _s3_errors(path):
            _client().put_object(Bucket=bucket, Key=key, Body=data)
        return
    temporary = _write_temporary(path, [data])
    os.replace(temporary, path)


def read(path: str) -> bytes:
    """The whole content. Raises FileNotFoundError where there is none."""
    with open_stream(path) as stream:
        return stream.read()


def read_into(path: str, start: int, buffer: memoryview) -> None:
    """Fill the buffer with what the file or the object has from `start`. Raises FileNotFoundError, and EOFError where it is too short."""
    if is_s3(path):
        read = _get_range(path, f"bytes={start}-{start + len(buffer) - 1}")
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
    return _size_s3(path) is not None


def open_stream(path: str) -> BinaryIO:
    """A binary stream for reading from start to end. Raises FileNotFoundError where there is none."""
    if is_s3(path):
        return cast("BinaryIO", io.BufferedReader(_ResumingBody(path), _RANGE_BYTES))
    return open(path, "rb")


def open_random(path: str) -> BinaryIO:
    """A binary stream that can seek, for Parquet."""
    if is_s3(path):
        return cast("BinaryIO", io.BufferedReader(_RangedObject(path), _RANGE_BYTES))
    return open(path, "rb")


def read_ahead(stream: BinaryIO, ranges: Sequence[tuple[int, int]]) -> None:
    """Read byte ranges (start, end) of what `open_random` opened, if it is on S3, many at once; what is asked of them later is there."""
    raw = getattr(stream, "raw", None)
    if isinstance(raw, _RangedObject):
        raw.read_ahead(ranges)


def delete(path: str) -> None:
    """Remove a file or an object, if it is there."""
    if is_s3(path):
        bucket, key = _split(path)
        with _s3_errors(path):
            _client().delete_object(Bucket=bucket, Key=key)
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
        yield from _list_s3(folder)
        return
    found = []
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
        size = None if pattern.endswith("/") or "/" not in pattern[5:] else _size_s3(pattern)
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


# --- S3 ---


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key


_ONE_AT_A_TIME = threading.Lock()  # threads may share a client, and not the making of one


@functools.cache
def _client_of_process(_pid: int) -> S3Client:
    import boto3
    from botocore.config import Config

    # A call is given up after about a minute of refusals, and after longer where the store does not answer at all.
    retries: Any = {"mode": "standard", "max_attempts": _S3_ATTEMPTS}
    timeout = float(os.environ.get("REPHRASE_S3_READ_TIMEOUT", "60"))  # seconds without a byte
    return boto3.client("s3", config=Config(retries=retries, connect_timeout=10, read_timeout=timeout, max_pool_connections=32))


def _client() -> S3Client:
    with _ONE_AT_A_TIME:
        return _client_of_process(os.getpid())  # connections must not be shared with forked workers


@contextlib.contextmanager
def _s3_errors(path: str) -> Iterator[None]:
    from botocore import exceptions

    bucket, _ = _split(path)
    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("NoSuchKey", "404", "NotFound"):
            raise FileNotFoundError(errno.ENOENT, "no such object", path) from error
        if code == "NoSuchBucket":
            raise UserError(
                f"there is no bucket `{bucket}`", where=path, cure="create it, or check its name, AWS_ENDPOINT_URL and region"
            ) from error
        if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden"):
            raise UserError(f"S3 refuses access ({code})", where=path, cure="check the AWS credentials and the bucket's policy") from error
        raise
    except exceptions.NoCredentialsError as error:
        raise UserError(
            "no AWS credentials found", where=path, cure="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
        ) from error
    except exceptions.ParamValidationError as error:
        raise UserError(f"`{bucket}` is not a valid bucket name", where=path, cure="write s3://bucket/key") from error
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
        raise UserError(f"S3 does not answer: {error}", where=path, cure="check AWS_ENDPOINT_URL and the network") from error


def _create_s3(path: str, body: bytes | BinaryIO) -> bool:
    from botocore.exceptions import ClientError

    bucket, key = _split(path)
    writer = uuid.uuid4().hex
    for attempt in range(_S3_ATTEMPTS):
        try:
            with _s3_errors(path):
                _client().put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", Metadata={_WRITER: writer})
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("PreconditionFailed", "412"):
                # "exists" also answers the client's own retry of a PUT whose response was lost.
                with _s3_errors(path):
                    return _client().head_object(Bucket=bucket, Key=key)["Metadata"].get(_WRITER) == writer
            if code in ("ConditionalRequestConflict", "409"):  # another writer is at it this moment
                time.sleep(0.1 * 2**attempt)
                continue
            raise
        return True
    raise OSError(errno.EBUSY, "other writers kept interfering", path)


def _size_s3(path: str) -> int | None:
    bucket, key = _split(path)
    try:
        with _s3_errors(path):
            return _client().head_object(Bucket=bucket, Key=key)["ContentLength"]
    except FileNotFoundError:
        return None


def _list_s3(folder: str) -> Iterator[FileInfo]:
    bucket, prefix = _split(folder)
    prefix = prefix.rstrip("/") + "/" if prefix else ""
    with _s3_errors(folder):
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                if not any(part.startswith(".") for part in item["Key"][len(prefix) :].split("/")):
                    yield FileInfo(f"s3://{bucket}/{item['Key']}", item["Size"], item["LastModified"].timestamp())


def _get_range(path: str, span: str) -> bytes:
    bucket, key = _split(path)
    for attempt in itertools.count(1):
        with _s3_errors(path):
            try:
                return _client().get_object(Bucket=bucket, Key=key, Range=span)["Body"].read()
            except _broken_streams():  # which the client does not mend: it has handed the stream over
                if attempt >= _S3_ATTEMPTS:
                    raise
        time.sleep(_pause(attempt))
    raise AssertionError("unreachable")


def _broken_streams() -> tuple[type[Exception], ...]:
    from botocore.exceptions import HTTPClientError, IncompleteReadError, ReadTimeoutError
    from urllib3.exceptions import HTTPError

    return HTTPClientError, IncompleteReadError, ReadTimeoutError, HTTPError, ConnectionError


def _pause(attempt: int) -> float:
    """Seconds before the next attempt; random, so that many readers do not come back at once."""
    return random.uniform(0, min(10.0, 0.2 * 2.0**attempt))


class _RangedObject(io.RawIOBase):
    """Random access to an object by ranged GETs."""

    def __init__(self, path: str) -> None:
        size = _size_s3(path)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, "no such object", path)
        self._path, self._size, self._at = path, size, 0
        self._ahead: list[tuple[int, bytes]] = []  # start, content

    def read_ahead(self, ranges: Sequence[tuple[int, int]]) -> None:
        with ThreadPoolExecutor(_READERS) as pool:
            contents = pool.map(lambda span: _get_range(self._path, f"bytes={span[0]}-{span[1] - 1}"), ranges)
            self._ahead = [(start, content) for (start, _), content in zip(ranges, contents, strict=True)]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        there = (content[self._at - start : end - start] for start, content in self._ahead if start <= self._at < start + len(content))
        body = next(there, None) or _get_range(self._path, f"bytes={self._at}-{end - 1}")
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)


class _ResumingBody(io.RawIOBase):
    """A sequential read of an object that goes on where it was when the connection breaks."""

    def __init__(self, path: str) -> None:
        self._path, self._at, self._failures = path, 0, 0
        self._body: Any = None
        self._open()

    def readable(self) -> bool:
        return True

    def _open(self) -> None:
        bucket, key = _split(self._path)
        with _s3_errors(self._path):
            extra: dict[str, str] = {"Range": f"bytes={self._at}-"} if self._at else {}
            self._body = _client().get_object(Bucket=bucket, Key=key, **extra)["Body"]  # type: ignore[arg-type]

    def readinto(self, buffer: Any) -> int:
        while True:
            try:
                data = self._body.read(len(buffer))
            except _broken_streams():
                self._failures += 1
                if self._failures >= _S3_ATTEMPTS:
                    raise
                time.sleep(_pause(self._failures))
                self._open()
                continue
            self._failures = 0
            buffer[: len(data)] = data
            self._at += len(data)
            return len(data)
