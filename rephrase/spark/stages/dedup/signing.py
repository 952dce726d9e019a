"""Signatures of the texts of an object, made once and stored: a later search, of this run or another, reads no text to compare by them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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
ROW = "_row"


def sign(searched: Searched, minhash: MinhashSettings, score: str | None) -> None:
    """Store the signatures of an object's texts, unless they are there: of documents that screening kept, or of kept rows."""
    if not searched.path or storage.exists(searched.signatures):
        return
    original = searched.standing == ORIGINAL
    writer = tables.Writer(SIGNATURE)
    for group in texts_in(searched):
        signed = [_signed(part, minhash, score, original=original) for part in group]
        if signed:
            writer.add(pa.Table.from_batches(signed, SIGNATURE))
    writer.commit(searched.signatures)


def texts_in(searched: Searched) -> Iterator[Iterator[list[dict[str, Any]]]]:
    """The texts of an object that are searched: by row groups, a few at a time; with the number of their row as `_row`."""
    original = searched.standing == ORIGINAL
    columns = ["id", "text", "metadata"] if original else ["id", "text", "document_id", "verdict", "scores"]
    first = 0
    for group in tables.read_row_groups(searched.path, columns):
        numbered = group.append_column(ROW, pa.array(np.arange(first, first + group.num_rows)))
        first += group.num_rows
        yield _parts(without_dropped(numbered, searched.path, searched.out), original=original)


def _parts(rows: pa.Table, *, original: bool) -> Iterator[list[dict[str, Any]]]:
    for at in range(0, rows.num_rows, _ROWS):
        part = rows.slice(at, _ROWS).to_pylist()
        part = part if original else [row for row in part if row["verdict"] == KEEP]
        if part:
            yield part


def rank_of(row: dict[str, Any], score: str | None, *, original: bool) -> int:
    """255 less the score of a row from `texts_in`, as 0 to 255: of two that are alike the lesser stays."""
    return 255 - _score(row["metadata" if original else "scores"], score)


def _signed(part: list[dict[str, Any]], minhash: MinhashSettings, score: str | None, *, original: bool) -> pa.RecordBatch:
    texts = [row["text"] or "" for row in part]
    columns = [
        pa.array([row["id"] for row in part], pa.string()),
        pa.array([row[ROW] for row in part], pa.int64()),
        pa.array([None if original else row["document_id"] for row in part], pa.string()),
        pa.array([rank_of(row, score, original=original) for row in part], pa.uint8()),
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
