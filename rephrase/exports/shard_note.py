"""What a unit of an export says of a shard that it stored: from all of them come the format's index and the manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from rephrase.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An object of an export."""

    name: str
    """Below the export's folder."""
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardNote:
    """Of a shard of an export: a row of the object of its unit, as JSON."""

    name: str
    """What the names of its files have in common."""
    documents: int
    tokens: int
    files: tuple[StoredFile, ...]
    counts: dict[str, int] = field(default_factory=dict)
    """The format's own counts, for the manifest."""
    details: dict[str, Any] = field(default_factory=dict)
    """What the format's index tells of the shard, by the format's own keys; they stand beside the others."""

    def to_json(self) -> str:
        """The note as a row keeps it."""
        files = [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in self.files]
        about = {"name": self.name, "documents": self.documents, "tokens": self.tokens, "files": files, "counts": self.counts}
        return orjson.dumps({**about, **self.details}).decode()

    @classmethod
    def from_json(cls, data: str, where: str) -> Self:
        """The note that a row holds. Raises `UserError` that names the object `where` it stands if it is none."""
        try:
            about = orjson.loads(data)
            files = tuple(StoredFile(**file) for file in about.pop("files"))
            own = {name: about.pop(name) for name in ("name", "documents", "tokens", "counts")}
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise UserError(f"the note on a shard is damaged: {error}", where=where, cure="remove the file or restore it") from error
        return cls(**own, files=files, details=about)
