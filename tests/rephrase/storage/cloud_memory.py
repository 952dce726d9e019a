"""The store of Google Cloud Storage and Azure over obstore's own store in memory, as `cloud://…`: all of our code, and no protocol."""

from __future__ import annotations

from obstore.store import MemoryStore, ObjectStore

from rephrase.storage.base import stores
from rephrase.storage.cloud import Cloud


@stores.register("cloud")
class CloudMemory(Cloud):
    """Objects of this process."""

    def connect(self, bucket: str) -> ObjectStore:
        assert bucket
        return MemoryStore()
