"""A store with nothing but what a store must have: objects in the memory of this process, as `mem://…`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from rephrase.storage.base import FileInfo, Store, stores


@stores.register("mem")
class Memory(Store):
    """Objects of this process."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        del durable
        with self._lock:
            if path in self.objects:
                return False
            self.objects[path] = b"".join(data)
            return True

    def put(self, path: str, data: bytes) -> None:
        self.objects[path] = data

    def read_range(self, path: str, start: int, end: int) -> bytes:
        if path not in self.objects:
            raise FileNotFoundError(path)
        return self.objects[path][start:end]

    def size_of(self, path: str) -> int | None:
        return len(self.objects[path]) if path in self.objects else None

    def delete(self, path: str) -> None:
        self.objects.pop(path, None)

    def list_files(self, folder: str) -> Iterator[FileInfo]:
        start = folder.rstrip("/") + "/"
        for path, data in sorted(self.objects.items()):
            if path.startswith(start) and not any(part.startswith(".") for part in path[len(start) :].split("/")):
                yield FileInfo(path, len(data), 1.0)
