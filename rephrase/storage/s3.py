"""Objects on S3, by boto3: whole or not at all, and read on where a connection breaks. A location is an `s3://bucket/key` URL."""

from __future__ import annotations

import functools
import io
import itertools
import os
import random
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.storage.base import FileInfo, Store, buffered, stores
from rephrase.storage.s3_errors import BUSY, broken_streams, code_of, errors, split
from rephrase.storage.s3_listing import objects_below
from rephrase.storage.s3_patience import wait_out

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 10
_TAKEN = ("PreconditionFailed", "412")
_CONTENDED = ("ConditionalRequestConflict", "409")
_WRITER = "rephrase-writer"  # metadata that tells the call which stored an object


_ONE_AT_A_TIME = threading.Lock()  # threads may share a client, and not the making of one


@functools.cache
def _client_of_process(_pid: int) -> S3Client:
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "max_attempts": _ATTEMPTS}
    timeout = float(os.environ.get("REPHRASE_S3_READ_TIMEOUT", "60"))  # seconds without a byte
    config = Config(retries=retries, connect_timeout=10, read_timeout=timeout, max_pool_connections=32)
    try:
        client = boto3.client("s3", config=config)
    except ValueError as error:  # an endpoint that is no URL
        raise UserError(f"S3 cannot be asked: {error}", where="AWS_ENDPOINT_URL", cure="write it as http://host:port") from error
    wait_out(client)
    return client


def _client() -> S3Client:
    with _ONE_AT_A_TIME:
        return _client_of_process(os.getpid())  # connections must not be shared with forked workers


@stores.register("s3")
class S3(Store):
    """Amazon's object store and those that speak its protocol (AWS_ENDPOINT_URL). `create` is a single-part PUT with `If-None-Match: *`."""

    @override
    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        """What is stored is durable at any rate."""
        del durable
        return _create(path, b"".join(data))

    @override
    def create_from(self, path: str, local: str) -> bool:
        with open(local, "rb") as file:
            return _create(path, file)

    @override
    def put(self, path: str, data: bytes) -> None:
        bucket, key = split(path)
        with errors(path):
            _client().put_object(Bucket=bucket, Key=key, Body=data)

    @override
    def read_range(self, path: str, start: int, end: int) -> bytes:
        if end <= start:
            return b""  # S3 takes such a range for none, and gives the whole object
        bucket, key = split(path)
        for attempt in itertools.count(1):
            with errors(path):
                try:
                    return _client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}")["Body"].read()
                except broken_streams():  # which the client does not mend: it has handed the stream over
                    if attempt >= _ATTEMPTS:
                        raise
            time.sleep(_pause(attempt))
        raise AssertionError("unreachable")

    @override
    def size_of(self, path: str) -> int | None:
        about = self.about(path)
        return about.size if about else None

    @override
    def about(self, path: str) -> FileInfo | None:
        bucket, key = split(path)
        if not key:
            return None
        try:
            with errors(path):
                head = _client().head_object(Bucket=bucket, Key=key)
        except FileNotFoundError:
            return None
        return FileInfo(path, head["ContentLength"], head["LastModified"].timestamp())

    @override
    def open_stream(self, path: str, start: int = 0) -> BinaryIO:
        return buffered(ResumingBody(path, start))

    @override
    def delete(self, path: str) -> None:
        bucket, key = split(path)
        with errors(path):
            _client().delete_object(Bucket=bucket, Key=key)

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        bucket, prefix = split(folder)
        prefix = prefix.rstrip("/") + "/" if prefix else ""
        start = len(f"s3://{bucket}/{prefix}")
        with errors(folder):
            for file in objects_below(_client(), bucket, prefix):
                if not file.path.startswith(".", start) and "/." not in file.path[start:]:
                    yield file


def _create(path: str, body: bytes | BinaryIO) -> bool:
    """Store an object unless there is one. True: this call stored it."""
    from botocore.exceptions import ClientError

    bucket, key = split(path)
    writer = uuid.uuid4().hex
    for attempt in range(_ATTEMPTS):
        if not isinstance(body, bytes):
            body.seek(0)
        with errors(path):
            try:
                _client().put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", Metadata={_WRITER: writer})
            except ClientError as error:
                if code_of(error) in _TAKEN:
                    # "exists" also answers the client's own retry of a PUT whose response was lost.
                    return _client().head_object(Bucket=bucket, Key=key)["Metadata"].get(_WRITER) == writer
                if code_of(error) not in _CONTENDED:
                    raise
            else:
                return True
        time.sleep(0.1 * 2**attempt)  # another writer is at it this moment
    raise UserError("other writers kept interfering", where=path, cure=BUSY)


def _pause(attempt: int) -> float:
    """Seconds before the next attempt; random, so that many readers do not come back at once."""
    return random.uniform(0, min(10.0, 0.2 * 2.0**attempt))


class ResumingBody(io.RawIOBase):
    """A sequential read of an object that goes on where it was when the connection breaks."""

    def __init__(self, path: str, start: int = 0) -> None:
        self._path, self._at, self._failures = path, start, 0
        self._body: Any = None
        self._open()

    @override
    def readable(self) -> bool:
        return True

    def _open(self) -> None:
        from botocore.exceptions import ClientError

        bucket, key = split(self._path)
        extra: dict[str, str] = {"Range": f"bytes={self._at}-"} if self._at else {}
        with errors(self._path):
            try:
                self._body = _client().get_object(Bucket=bucket, Key=key, **extra)["Body"]  # type: ignore[arg-type]
            except ClientError as error:
                if not self._at or code_of(error) != "InvalidRange":
                    raise
                self._body = io.BytesIO()  # the connection broke after the last byte

    @override
    def readinto(self, buffer: Any) -> int:
        while True:
            with errors(self._path):
                try:
                    data = self._body.read(len(buffer))
                except broken_streams():
                    self._failures += 1
                    if self._failures >= _ATTEMPTS:
                        raise
                    data = None
            if data is not None:
                break
            time.sleep(_pause(self._failures))
            self._open()
        self._failures = 0
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
