"""Stores that input comes from and nothing goes to."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from rephrase.errors import UserError
from rephrase.storage.base import Store


class ReadOnly(Store):
    """A store of which a run only reads. All that would change something raises a `UserError`."""

    read_only = True

    @override
    def create(self, path: str, data: Sequence[bytes | memoryview], *, durable: bool = True) -> bool:
        raise _refusal(path)

    @override
    def put(self, path: str, data: bytes) -> None:
        raise _refusal(path)

    @override
    def delete(self, path: str) -> None:
        raise _refusal(path)


def _refusal(path: str) -> UserError:
    scheme = path.partition("://")[0]
    return UserError(f"{scheme}:// is read, and not written", where=path, cure="write to a folder, or to s3://, gs:// or az://")
