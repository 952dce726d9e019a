"""Objects on S3, by boto3: whole or not at all, and read on where a connection breaks. A location is an `s3://bucket/key` URL."""

from __future__ import annotations

import contextlib
import errno
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

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS = 10
_WRITER = "rephrase-writer"  # metadata that tells the call which stored an object


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key


_ONE_AT_A_TIME = threading.Lock()  # threads may share a client, and not the making of one


@functools.cache
def _client_of_process(_pid: int) -> S3Client:
    import boto3
    from botocore.config import Config

    # A call is given up after about a minute of refusals, and after longer where the store does not answer at all.
    retries: Any = {"mode": "standard", "max_attempts": _ATTEMPTS}
    timeout = float(os.environ.get("REPHRASE_S3_READ_TIMEOUT", "60"))  # seconds without a byte
    return boto3.client("s3", config=Config(retries=retries, connect_timeout=10, read_timeout=timeout, max_pool_connections=32))


def _client() -> S3Client:
    with _ONE_AT_A_TIME:
        return _client_of_process(os.getpid())  # connections must not be shared with forked workers


@contextlib.contextmanager
def _errors(path: str) -> Iterator[None]:
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
        bucket, key = _split(path)
        with _errors(path):
            _client().put_object(Bucket=bucket, Key=key, Body=data)

    @override
    def read_range(self, path: str, start: int, end: int) -> bytes:
        bucket, key = _split(path)
        for attempt in itertools.count(1):
            with _errors(path):
                try:
                    return _client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}")["Body"].read()
                except _broken_streams():  # which the client does not mend: it has handed the stream over
                    if attempt >= _ATTEMPTS:
                        raise
            time.sleep(_pause(attempt))
        raise AssertionError("unreachable")

    @override
    def size_of(self, path: str) -> int | None:
        bucket, key = _split(path)
        if not key:
            return None
        try:
            with _errors(path):
                return _client().head_object(Bucket=bucket, Key=key)["ContentLength"]
        except FileNotFoundError:
            return None

    @override
    def open_stream(self, path: str) -> BinaryIO:
        return buffered(ResumingBody(path))

    @override
    def delete(self, path: str) -> None:
        bucket, key = _split(path)
        with _errors(path):
            _client().delete_object(Bucket=bucket, Key=key)

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        bucket, prefix = _split(folder)
        prefix = prefix.rstrip("/") + "/" if prefix else ""
        with _errors(folder):
            for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    if not any(part.startswith(".") for part in item["Key"][len(prefix) :].split("/")):
                        yield FileInfo(f"s3://{bucket}/{item['Key']}", item["Size"], item["LastModified"].timestamp())


def _create(path: str, body: bytes | BinaryIO) -> bool:
    """Store an object unless there is one. True: this call stored it."""
    from botocore.exceptions import ClientError

    bucket, key = _split(path)
    writer = uuid.uuid4().hex
    for attempt in range(_ATTEMPTS):
        try:
            with _errors(path):
                _client().put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", Metadata={_WRITER: writer})
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("PreconditionFailed", "412"):
                # "exists" also answers the client's own retry of a PUT whose response was lost.
                with _errors(path):
                    return _client().head_object(Bucket=bucket, Key=key)["Metadata"].get(_WRITER) == writer
            if code in ("ConditionalRequestConflict", "409"):  # another writer is at it this moment
                time.sleep(0.1 * 2**attempt)
                continue
            raise
        return True
    raise OSError(errno.EBUSY, "other writers kept interfering", path)


def _broken_streams() -> tuple[type[Exception], ...]:
    from botocore.exceptions import HTTPClientError, IncompleteReadError, ReadTimeoutError
    from urllib3.exceptions import HTTPError

    return HTTPClientError, IncompleteReadError, ReadTimeoutError, HTTPError, ConnectionError


def _pause(attempt: int) -> float:
    """Seconds before the next attempt; random, so that many readers do not come back at once."""
    return random.uniform(0, min(10.0, 0.2 * 2.0**attempt))


class ResumingBody(io.RawIOBase):
    """A sequential read of an object that goes on where it was when the connection breaks."""

    def __init__(self, path: str) -> None:
        self._path, self._at, self._failures = path, 0, 0
        self._body: Any = None
        self._open()

    @override
    def readable(self) -> bool:
        return True

    def _open(self) -> None:
        bucket, key = _split(self._path)
        with _errors(self._path):
            extra: dict[str, str] = {"Range": f"bytes={self._at}-"} if self._at else {}
            self._body = _client().get_object(Bucket=bucket, Key=key, **extra)["Body"]  # type: ignore[arg-type]

    @override
    def readinto(self, buffer: Any) -> int:
        while True:
            try:
                data = self._body.read(len(buffer))
            except _broken_streams():
                self._failures += 1
                if self._failures >= _ATTEMPTS:
                    raise
                time.sleep(_pause(self._failures))
                self._open()
                continue
            self._failures = 0
            buffer[: len(data)] = data
            self._at += len(data)
            return len(data)
