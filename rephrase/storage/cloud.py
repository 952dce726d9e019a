"""Objects of Google Cloud Storage and Azure Blob Storage, by the package obstore. This file alone knows it, and imports it late."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import threading
import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.storage.base import FileInfo, Store, buffered, stores
from rephrase.storage.cloud_errors import is_passing, told

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_ATTEMPTS = 5
_WRITER = "rephrasewriter"  # metadata that tells the call which stored an object; Azure takes letters, digits and _ alone
_LISTED = 1000  # objects that a request lists
_CHUNK = 1 << 20  # bytes
_ONE_AT_A_TIME = threading.Lock()
_used_in: set[int] = set()  # ids of processes; a forked one inherits its parent's


class Cloud(Store):
    """A store that obstore speaks to. `create` is one request, with the condition that nothing is there.

    Its requests are repeated for up to two minutes where the store is busy, or does not answer.
    """

    survives_fork = False  # the client's threads are gone in a forked process, and calls would wait for them for ever

    @abstractmethod
    def connect(self, bucket: str) -> ObjectStore:
        """A client for a bucket, which stands between `scheme://` and the next slash."""

    def _located(self, path: str) -> tuple[ObjectStore, str]:
        scheme, _, rest = path.partition("://")
        bucket, _, key = rest.partition("/")
        if not bucket:
            raise UserError("this names no bucket", where=path, cure=f"write {scheme}://bucket/key")
        _used_in.add(os.getpid())
        if len(_used_in) > 1:
            cure = "start processes by `spawn`, or use the store only after the fork"
            raise UserError("this process was forked from one that had used obstore, which does not go on then", where=path, cure=cure)
        with _ONE_AT_A_TIME, told(path):
            return _client(type(self), bucket), key

    @override
    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        """What is stored is durable at any rate."""
        del durable
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError

        store, key = self._object(path)
        body, writer = b"".join(data), uuid.uuid4().hex
        for attempt in range(_ATTEMPTS):
            with told(path, makes=True):
                try:
                    obstore.put(store, key, body, mode="create", attributes={_WRITER: writer}, use_multipart=False)
                except AlreadyExistsError:  # which also answers a request that is repeated as its first answer was lost
                    return _writer_of(store, key) == writer
                except GenericError as error:  # the client does not repeat it where the answer was lost
                    if attempt + 1 == _ATTEMPTS or not is_passing(error):
                        raise
                else:
                    return True
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    @override
    def put(self, path: str, data: bytes) -> None:
        import obstore

        store, key = self._object(path)
        with told(path, makes=True):
            obstore.put(store, key, data, use_multipart=False)

    @override
    def read_range(self, path: str, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        import obstore

        store, key = self._object(path)
        with told(path):
            return bytes(obstore.get_range(store, key, start=start, end=end))

    @override
    def size_of(self, path: str) -> int | None:
        about = self.about(path)
        return about.size if about else None

    @override
    def about(self, path: str) -> FileInfo | None:
        import obstore

        store, key = self._located(path)
        if not key.strip("/"):
            return None
        try:
            with told(path):
                head = obstore.head(store, key)
        except FileNotFoundError:
            return None
        return FileInfo(path, int(head["size"]), head["last_modified"].timestamp())

    @override
    def open_stream(self, path: str, start: int = 0) -> BinaryIO:
        return buffered(_Body(*self._object(path), path, start))

    @override
    def delete(self, path: str) -> None:
        import obstore

        store, key = self._object(path)
        with contextlib.suppress(FileNotFoundError), told(path):
            obstore.delete(store, key)

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        import obstore

        store, key = self._located(folder)
        prefix = key.strip("/")
        base = folder[: len(folder) - len(key)].rstrip("/")
        with told(folder, makes=True):
            for chunk in obstore.list(store, prefix or None, chunk_size=_LISTED):
                for item in chunk:
                    if item["path"] != prefix and not any(part.startswith(".") for part in item["path"][len(prefix) :].split("/")):
                        yield FileInfo(f"{base}/{item['path']}", item["size"], item["last_modified"].timestamp())

    def _object(self, path: str) -> tuple[ObjectStore, str]:
        """The client and the key of an object."""
        store, key = self._located(path)
        if not key.strip("/"):
            raise UserError("this names a bucket, and nothing in it", where=path, cure=f"write {path.rstrip('/')}/key")
        return store, key


@stores.register("gs")
class GoogleCloud(Cloud):
    """Google Cloud Storage. `create` is a PUT with `x-goog-if-generation-match: 0`."""

    @override
    def connect(self, bucket: str) -> ObjectStore:
        from obstore.store import GCSStore

        return GCSStore(bucket, client_options=_client_options("GOOGLE_BASE_URL"), retry_config=_retries())


@stores.register("az")
class Azure(Cloud):
    """Azure Blob Storage. `create` is a PUT of one blob with `If-None-Match: *`.

    What stands for the bucket is the container, of the account that AZURE_STORAGE_ACCOUNT_NAME names, or `container@account.host`.
    """

    @override
    def connect(self, bucket: str) -> ObjectStore:
        from obstore.store import AzureStore

        container, _, host = bucket.partition("@")
        account = host.partition(".")[0]
        return AzureStore(
            container,
            config={"account_name": account} if account else {},
            client_options=_client_options("AZURE_STORAGE_ENDPOINT"),
            retry_config=_retries(),
        )

    @override
    def list_files(self, folder: str) -> Iterator[FileInfo]:
        """An account with a hierarchical namespace lists folder by folder, which is another order than that of the paths."""
        yield from sorted(super().list_files(folder))


@functools.cache
def _client(kind: type[Cloud], bucket: str) -> ObjectStore:
    return kind().connect(bucket)


def _client_options(endpoint: str) -> ClientConfig:
    """An endpoint without TLS is one of this machine or of a test."""
    plain = os.environ.get(endpoint, "").startswith("http://")
    return {"allow_http": plain, "connect_timeout": timedelta(seconds=10), "timeout": timedelta(minutes=10)}


def _retries() -> RetryConfig:
    return {"max_retries": 10, "retry_timeout": timedelta(minutes=2)}


def _writer_of(store: ObjectStore, key: str) -> str | None:
    import obstore

    writer: str | None = obstore.get(store, key, options={"head": True}).attributes.get(_WRITER)
    return writer


class _Body(io.RawIOBase):
    """A sequential read of an object that goes on where it was when the connection breaks."""

    def __init__(self, store: ObjectStore, key: str, path: str, start: int) -> None:
        self._store, self._key, self._path, self._at, self._failures = store, key, path, start, 0
        self._chunks: Iterator[Any] = iter(())
        self._chunk = memoryview(b"")
        self._open()

    def _open(self) -> None:
        import obstore

        with told(self._path):
            if self._at:
                size = obstore.head(self._store, self._key)["size"]
                if self._at >= size:  # of which no store has a range
                    self._chunks = iter(())
                    return
            result = obstore.get(self._store, self._key, options={"range": {"offset": self._at}} if self._at else {})
            self._chunks = iter(result.stream(min_chunk_size=_CHUNK))

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int:
        while not self._chunk:
            try:
                with told(self._path):
                    data = next(self._chunks, None)
            except UserError:
                self._failures += 1
                if self._failures >= _ATTEMPTS:
                    raise
                time.sleep(0.2 * 2**self._failures)
                self._open()
                continue
            if data is None:
                return 0
            self._failures, self._chunk = 0, memoryview(data).cast("B")
        size = min(len(buffer), len(self._chunk))
        buffer[:size] = self._chunk[:size]
        self._chunk = self._chunk[size:]
        self._at += size
        return size
