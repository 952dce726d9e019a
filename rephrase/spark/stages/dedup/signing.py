"""Signatures of the texts of an object, made once and stored: a later search, of this run or another, reads no text to compare by them."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.minhash import MinhashSettings, signatures
from rephrase import storage
from rephrase.records import KEEP, SIGNATURE
from rephrase.spark.stages.dedup.searched import ORIGINAL, Searched
from rephrase.spark.stages.dropped import without_dropped
from rephrase.storage import tables

_ROWS = 256  # texts whose signatures are made at a time
_ROW = "_row"


def sign(searched: Searched, minhash: MinhashSettings, score: str | None) -> None:
    """Store the signatures of an object's texts, unless they are there: of documents that screening kept, or of kept rows."""
    if not searched.path or storage.exists(searched.signatures):
        return
    original = searched.standing == ORIGINAL
    columns = ["id", "text", "metadata"] if original else ["id", "text", "document_id", "verdict", "scores"]
    writer = tables.Writer(SIGNATURE)
    first = 0
    for group in tables.read_row_groups(searched.path, columns):
        numbered = group.append_column(_ROW, pa.array(np.arange(first, first + group.num_rows)))
        first += group.num_rows
        rows = without_dropped(numbered, searched.path, searched.out)
        signed = []
        for at in range(0, rows.num_rows, _ROWS):
            part = rows.slice(at, _ROWS).to_pylist()
            part = part if original else [row for row in part if row["verdict"] == KEEP]
            if part:
                signed.append(_signed(part, minhash, score, original=original))
        if signed:
            writer.add(pa.Table.from_batches(signed, SIGNATURE))
    writer.commit(searched.signatures)


def _signed(part: list[dict[str, Any]], minhash: MinhashSettings, score: str | None, *, original: bool) -> pa.RecordBatch:
    texts = [row["text"] or "" for row in part]
    scores = "metadata" if original else "scores"
    columns = [
        pa.array([row["id"] for row in part], pa.string()),
        pa.array([row[_ROW] for row in part], pa.int64()),
        pa.array([None if original else row["document_id"] for row in part], pa.string()),
        pa.array([255 - _score(row[scores], score) for row in part], pa.uint8()),
        pa.array([hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts], pa.binary()),
        pa.array([signature.tobytes() for signature in signatures(texts, minhash)], pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SIGNATURE)


def _score(scores: Any, name: str | None) -> int:
    """A score as 0 to 255; 0 where there is none."""
    try:
        return int(255 * min(1.0, max(0.0, float(dict(scores or ()).get(name, 0)))))
    except ValueError:  # metadata may hold anything
        return 0
