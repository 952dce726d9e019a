"""Packed sequences: Parquet whose rows all hold the same number of tokens, for trainers that take ready-made blocks.

A row is made of pieces, whole documents or parts of them, one after the other. Its columns have the names that trainers look for:
`input_ids`; `position_ids`, which begin at 0 in each piece (what transformers and torchtitan mask attention by); `seq_lengths`, the tokens
of each piece (TRL); `seq_start_id`, where each piece begins, and `loss_mask`, 0 for tokens that are not learned (Megatron-Bridge); and
`ids` of the pieces' documents. What is left of a row is filled with end-of-document tokens, a piece whose id is null and loss mask 0.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from typing_extensions import override

from rephrase.errors import UserError
from rephrase.exports.base import Row, Shard, TokenFormat, formats
from rephrase.exports.vocabulary import Vocabulary
from rephrase.settings.section import Section
from rephrase.storage import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHARD_BYTES = 64 << 20  # a trainer streams them one by one
_GROUP_TOKENS = 1 << 22  # of a row group


class PackedSettings(Section):
    """How documents become sequences."""

    sequence_length: int = 0
    """Tokens of each sequence, as many as the trainer takes."""
    packing: Literal["concatenate", "best-fit"] = "concatenate"
    """concatenate: one document after the other, cut: no padding but in the last row of a shard. best-fit: only documents that are longer
    than a sequence are cut, and each piece is put where it leaves the least room (Ding et al. 2024, Fewer Truncations Improve Language
    Modeling, arXiv:2404.10830)."""


@formats.register("packed")
class Packed(TokenFormat):
    """Parquet of sequences of equal length, ready to be trained on.

    All tokens of a shard are in its rows, which keep the order of the documents: by the first of each where they are fitted.
    """

    Settings = PackedSettings
    dtype = "int32"
    shard_bytes = _SHARD_BYTES
    settings: PackedSettings

    def __init__(self, name: str, settings: PackedSettings, vocabulary: Vocabulary) -> None:
        super().__init__(name, settings, vocabulary)
        if settings.sequence_length < 2:
            raise UserError("how long shall a sequence be?", where="--sequence-length", cure="as many tokens as your trainer takes")

    @override
    def meaning(self) -> dict[str, Any]:
        return {"packing": {"length": self.settings.sequence_length, "strategy": self.settings.packing}}

    @override
    def summary(self, manifest: Mapping[str, Any]) -> str:
        sequences, padding = manifest["sequences"], manifest["padding"]
        return f"in {sequences:,} sequences of {self.settings.sequence_length:,}, {padding:,} tokens of padding"

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """A Parquet file of sequences."""
        length = self.settings.sequence_length
        sizes = np.array([len(row.tokens) for row in rows], np.int64)
        document, start, size = _cut(sizes, length, aligned=self.settings.packing == "concatenate")
        sequence = _best_fit(size, length) if self.settings.packing == "best-fit" else start // length

        free = length - np.bincount(sequence, size).astype(np.int64)
        padded = np.flatnonzero(free)
        order = np.argsort(np.concatenate([sequence, padded]), kind="stable")
        total = int(sizes.sum())
        document = np.concatenate([document, np.full(len(padded), -1)])[order]
        start = np.concatenate([start, np.full(len(padded), total)])[order]  # where the filler lies
        size = np.concatenate([size, free[padded]])[order]
        tokens = np.concatenate([*(row.tokens for row in rows), np.full(length, self.vocabulary.eod_id)], dtype=np.int32, casting="unsafe")

        input_ids = np.concatenate([tokens[at : at + count] for at, count in zip(start.tolist(), size.tolist(), strict=True)])
        begin = (np.cumsum(size) - size).astype(np.int32)
        pieces = np.bincount(np.concatenate([sequence, padded]), minlength=len(free))
        ends = pa.array(np.concatenate([[0], np.cumsum(pieces)]), pa.int32())
        ids = pa.array([row.id for row in rows], pa.string()).take(pa.array(document, mask=document < 0))
        columns = {
            "input_ids": _blocks(input_ids, length),
            "position_ids": _blocks(np.arange(len(input_ids), dtype=np.int32) - np.repeat(begin, size), length),
            "loss_mask": _blocks(np.repeat((document >= 0).astype(np.int8), size), length),
            "seq_lengths": pa.ListArray.from_arrays(ends, pa.array(size, pa.int32())),
            "seq_start_id": pa.ListArray.from_arrays(ends, pa.array(begin % length, pa.int32())),
            "ids": pa.ListArray.from_arrays(ends, ids),
        }
        step = max(1, _GROUP_TOKENS // length)
        groups = [min(step, len(free) - at) for at in range(0, len(free), step)]
        data = tables.encode(pa.table(columns), row_groups=groups)
        return Shard([(f"{tables.DATA}/{name}.parquet", data)], {}, {"sequences": len(free), "padding": int(free.sum())})


def _cut(sizes: NDArray[np.int64], length: int, *, aligned: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pieces of documents, in order: the document of each, where it starts in the stream of all tokens, and its tokens, shape (pieces,).

    Aligned, the stream is cut at each multiple of `length`, else each document at the multiples inside it.
    """
    ends = np.cumsum(sizes)
    starts = ends - sizes
    if aligned:
        cuts = np.union1d(starts, np.arange(0, ends[-1], length))
    else:
        count = -(-sizes // length)
        inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        cuts = np.repeat(starts, count) + inside * length
    return np.searchsorted(ends, cuts, side="right"), cuts, np.diff(cuts, append=ends[-1])


def _best_fit(sizes: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The sequence of each piece, shape (pieces,): the longest pieces first, each into the fullest sequence that it fits into."""
    sequences = np.empty(len(sizes), np.int64)
    rooms: list[int] = []  # that sequences have left, each once, ascending
    having: dict[int, list[int]] = {}  # the sequences with so much room
    count = 0
    for piece in np.argsort(-sizes, kind="stable").tolist():
        size = int(sizes[piece])
        at = bisect.bisect_left(rooms, size)
        if at == len(rooms):
            room, sequence = length, count
            count += 1
        else:
            room = rooms[at]
            sequence = having[room].pop()
            if not having[room]:
                del rooms[at]
        sequences[piece] = sequence
        if room > size:
            left = having.setdefault(room - size, [])
            if not left:
                bisect.insort(rooms, room - size)
            left.append(sequence)
    first = np.unique(sequences, return_index=True)[1]
    number = np.empty(count, np.int64)
    number[np.argsort(first)] = np.arange(count)
    return number[sequences]


def _blocks(values: NDArray[np.int32] | NDArray[np.int8], length: int) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values), length)
