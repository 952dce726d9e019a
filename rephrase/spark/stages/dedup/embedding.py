"""Embeddings of the texts of an object, made once and stored: a later search, of this run or another, asks no model for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers.centroids import Vectors
from rephrase import storage
from rephrase.config.duplicates import Semantic
from rephrase.records import EMBEDDING
from rephrase.spark.stages.dedup.searched import ORIGINAL, Searched
from rephrase.spark.stages.dedup.signing import ROW, rank_of, texts_in
from rephrase.storage import tables
from rephrase.text.embeddings import clean, encoder

NEEDED_BY = "section `dedup.semantic`"
EMBEDDINGS = "embeddings"  # below the folder of duplicates
_PRECISION = np.dtype("<f2")


@dataclass(frozen=True, slots=True)
class Embedded:
    """An object of a search, and the object with its embeddings."""

    searched: Searched
    embeddings: str


def embed(here: Embedded, semantic: Semantic, score: str | None) -> int:
    """Store the embeddings of an object's texts, unless they are there. Returns how many there are.

    Raises `UserError` where the package is missing or the model cannot be loaded.
    """
    if storage.exists(here.embeddings):
        return sum(tables.row_groups(here.embeddings))
    original = here.searched.standing == ORIGINAL
    encode = encoder(semantic.model, semantic.kind, NEEDED_BY)
    writer = tables.Writer(EMBEDDING)
    count = 0
    for group in texts_in(here.searched):
        parts = []
        for part in group:
            texts = [clean(row["text"] or "") for row in part]
            parts.append(_batch(part, _stored(np.asarray(encode(texts), np.float32)), score, original=original))
            count += len(part)
        if parts:
            writer.add(pa.Table.from_batches(parts, EMBEDDING))
    writer.commit(here.embeddings)
    return count


def _batch(part: list[dict[str, Any]], vectors: list[bytes], score: str | None, *, original: bool) -> pa.RecordBatch:
    columns = [
        pa.array([row["id"] for row in part], pa.string()),
        pa.array([row[ROW] for row in part], pa.int64()),
        pa.array([None if original else row["document_id"] for row in part], pa.string()),
        pa.array([rank_of(row, score, original=original) for row in part], pa.uint8()),
        pa.array([len(row["text"] or "") for row in part], pa.int64()),
        pa.array(vectors, pa.binary()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EMBEDDING)


def _stored(vectors: Vectors) -> list[bytes]:
    vectors = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return [vector.tobytes() for vector in units.astype(_PRECISION)]


def vectors_of(stored: pa.Array) -> Vectors:
    """Vectors as they are stored, one a row, of length 1; those of texts that the model knows nothing of are all 0."""
    values = stored.to_pylist()
    if not values:
        return np.empty((0, 0), np.float32)
    vectors = np.frombuffer(b"".join(values), _PRECISION).reshape(len(values), -1).astype(np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Vectors = np.divide(vectors, norms, out=vectors, where=norms > 0)
    return units
