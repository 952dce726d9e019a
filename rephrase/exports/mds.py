"""MosaicML streaming's shards.

As streaming/base/format/mds has them: a shard is the number of samples and where in the file each begins and the last ends (uint32, in
bytes), the shard's description as JSON, and the samples. A sample is the sizes of its columns (uint32) and then their values, in the
order of the columns' names. An array of one dimension is the byte 1 << 2 | 2 (its dimensions, and that lengths are uint32), its length
and its values. `index.json` holds the description, sizes and names of all shards.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson
import zstandard
from typing_extensions import override

from rephrase.exports.base import Format, Objects, Row, Shard, formats
from rephrase.exports.shard_note import ShardNote
from rephrase.exports.vocabulary import Vocabulary
from rephrase.settings.section import Section

INDEX = "index.json"

_SHARD_BYTES = 64 << 20  # the writer's own default
_ONE_DIMENSION = bytes([1 << 2 | 2])


class MdsSettings(Section):
    """Options of the format."""

    compress: bool = False
    """Compress the shards with zstd."""


@formats.register("mds")
class Mds(Format):
    """MosaicML streaming's shards.

    Samples of `text` (str) and, where the export is tokenised, `tokens` (uint32).
    """

    Settings = MdsSettings
    takes_vocabulary = "optional"
    stores_text = True
    shard_bytes = _SHARD_BYTES

    settings: MdsSettings

    def __init__(self, name: str, settings: MdsSettings, vocabulary: Vocabulary | None) -> None:
        super().__init__(name, settings, vocabulary)
        self.dtype = "uint32" if vocabulary else None

    @override
    def meaning(self) -> dict[str, Any]:
        return {"compress": True} if self.settings.compress else {}

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """One shard; with compression a zstd file that the reader unpacks beside itself."""
        samples = [self._sample(row) for row in rows]
        about = orjson.dumps(self._about(), option=orjson.OPT_SORT_KEYS)
        start = 4 * (len(rows) + 2) + len(about)
        offsets = start + np.concatenate([[0], np.cumsum([sum(map(len, sample)) for sample in samples])])
        head = [np.array([len(rows)], "<u4").tobytes(), offsets.astype("<u4").tobytes(), about]
        data = b"".join(chain(head, *samples))  # the only copy of what rows hold
        raw = {"basename": f"{name}.mds", "bytes": len(data), "hashes": {}}
        if not self.settings.compress:
            return Shard([(f"{name}.mds", data)], {"raw_data": raw, "zip_data": None})
        packed = zstandard.compress(data)
        zipped = {"basename": f"{name}.mds.zstd", "bytes": len(packed), "hashes": {}}
        return Shard([(f"{name}.mds.zstd", packed)], {"raw_data": raw, "zip_data": zipped})

    @override
    def index(self, folder: str, notes: Sequence[ShardNote]) -> Objects:  # names are relative
        """`index.json`."""
        shards = [{**self._about(), "samples": note.documents, **note.details} for note in notes]
        return [(INDEX, orjson.dumps({"version": 2, "shards": shards}, option=orjson.OPT_SORT_KEYS))]

    def _sample(self, row: Row) -> list[bytes]:
        values = [row.text]
        if self.vocabulary:
            values.append(_ONE_DIMENSION + struct.pack("<I", len(row.tokens)) + row.tokens.astype("<u4").tobytes())
        return [struct.pack(f"<{len(values)}I", *map(len, values)), *values]

    def _about(self) -> dict[str, Any]:
        columns = {"text": "str", **({"tokens": "ndarray:uint32"} if self.vocabulary else {})}
        return {
            "version": 2,
            "format": "mds",
            "compression": "zstd" if self.settings.compress else None,
            "hashes": [],
            "size_limit": _SHARD_BYTES,
            "column_names": list(columns),
            "column_encodings": list(columns.values()),
            "column_sizes": [None] * len(columns),
        }
