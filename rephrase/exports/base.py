"""What an export format is: rows become named objects, and the notes on all of them the index that is stored last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rephrase.exports.shard_note import ShardNote

if TYPE_CHECKING:
    from numpy.typing import NDArray

Objects = list[tuple[str, bytes]]

TOKEN_SHARD_BYTES = 256 << 20  # a task holds a shard and its encoding in memory


@dataclass(frozen=True, slots=True)
class Row:
    """A document of the mixture as a format sees it."""

    id: str
    text: bytes  # UTF-8; empty where the format stores no text
    tokens: NDArray[np.uint32]  # shape (tokens,), the end-of-document token last; none where nothing is tokenised
    columns: Mapping[str, Any]  # all others of the table, for formats that take provenance along
    stored: float  # when the Parquet file was stored, Unix time


@dataclass(frozen=True, slots=True)
class Shard:
    """The encoding of some rows: objects by name relative to the export, in the order of storing, and what the index tells of them.

    The object by which readers find the others comes last.
    """

    objects: Objects
    details: dict[str, Any]
    counts: Mapping[str, int] = field(default_factory=dict)  # for the manifest, beside documents, tokens and bytes


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer of an export: its name, the number of its token ids, and the token that ends each document."""

    tokenizer: str
    size: int
    eod: str
    eod_id: int


class Format(Protocol):
    """A format. Instances are small and can be pickled: they travel to Spark's tasks."""

    dtype: str | None  # of the stored tokens, in numpy's words; None where there are none
    stores_text: bool  # else rows come without
    all_columns: bool  # else rows come without `columns`
    shard_bytes: int  # of text and of tokens at four bytes: the rows of a Parquet file that hold more form several shards

    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """Encode rows, one or more, as objects whose names begin with `name` or a folder and `name`."""
        ...

    def index(self, folder: str, notes: Sequence[ShardNote]) -> Objects:
        """The objects that complete the export stored in `folder`, from the notes on its shards, in order; a note has its `details`."""
        ...


def joined(rows: Sequence[Row], dtype: np.dtype[Any]) -> tuple[bytes, NDArray[np.int64]]:
    """All tokens of the rows one after the other as little-endian bytes, and the number of each row's, shape (rows,)."""
    tokens = np.concatenate([row.tokens for row in rows], dtype=dtype.newbyteorder("<"), casting="unsafe")
    return tokens.tobytes(), np.array([len(row.tokens) for row in rows], np.int64)
