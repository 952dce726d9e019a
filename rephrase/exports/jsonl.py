"""JSON lines as the dolma toolkit lays them out: `documents/*.jsonl.zst` with id, text, source, added and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import zstandard
from typing_extensions import override

from rephrase.exports.base import Format, Row, Shard, formats
from rephrase.labels import COLUMN, as_mapping

_SHARD_BYTES = 128 << 20
_FIELDS = ("id", "source")


@formats.register("jsonl")
class Jsonl(Format):
    """JSON lines of texts with all columns, as the dolma toolkit lays them out.

    `added` is the time at which the Parquet file was stored, so that an export that is resumed writes the same bytes.

    `metadata` holds all other columns that are not null.
    """

    takes_vocabulary = "no"
    stores_text = True
    all_columns = True
    shard_bytes = _SHARD_BYTES

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """One file."""
        data = zstandard.compress(b"".join(map(_line, rows)))
        return Shard([(f"documents/{name}.jsonl.zst", data)], {})


def _line(row: Row) -> bytes:
    others = {key: value for key, value in row.columns.items() if key not in _FIELDS and value is not None}
    if COLUMN in others:
        others[COLUMN] = as_mapping(others[COLUMN])
    added = datetime.fromtimestamp(row.stored, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"id": row.id, "text": row.text.decode(), "source": row.columns.get("source") or "", "added": added, "metadata": others}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE, default=str)
