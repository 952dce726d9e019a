"""Packed exports as a proxy model reads them: sequences of tokens, in the order of their shards, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rephrase import storage
from rephrase.errors import UserError
from rephrase.names import PARQUET
from rephrase.spark.stages.mix.manifest import is_complete, manifest_of
from rephrase.storage import tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CURE = "make one: `rephrase export run.yaml --format packed --sequence-length 512`, or a swarm: `rephrase swarm run.yaml`"


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of sequences."""

    path: str
    sequences: int


@dataclass(frozen=True, slots=True)
class PackedExport:
    """A finished export. length: tokens of a sequence. vocabulary: the largest token id and one. eod: what ends each document."""

    folder: str
    tokenizer: str
    vocabulary: int
    eod: int
    length: int
    shards: tuple[Shard, ...]


def open_packed(folder: str) -> PackedExport:
    """The packed export in a folder. Raises `UserError` where there is none, or an unfinished one, or one of another format."""
    if not is_complete(folder):
        raise UserError("there is no finished packed export here", where=folder, cure=_CURE)
    manifest = manifest_of(folder)
    if manifest.get("format") != "packed":
        raise UserError(f"this is {manifest.get('format', 'a mixture')!s}, no packed export", where=folder, cure=_CURE)
    shards = [
        Shard(storage.join(folder, file["name"]), int(shard["sequences"]))
        for shard in manifest["shards"]
        for file in shard["files"]
        if file["name"].endswith(PARQUET)
    ]
    length = int(manifest["packing"]["length"])
    return PackedExport(folder, manifest["tokenizer"], manifest["vocabulary_size"], manifest["eod"]["id"], length, tuple(shards))


@dataclass(frozen=True, slots=True)
class Block:
    """Sequences. Both arrays have the shape (sequences, length); tokens that are not learned, which fill up, have the mask False."""

    tokens: NDArray[np.int32]
    learned: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tokens)


def read_first(shards: Sequence[Shard], count: int, length: int) -> Block:
    """The first `count` sequences of these shards, or as many as there are."""
    tokens = [np.zeros((0, length), np.int32)]
    learned = [np.zeros((0, length), np.bool_)]
    left = count
    for shard in shards:
        if left <= 0:
            break
        for group in tables.read_row_groups(shard.path, ["input_ids", "loss_mask"]):
            rows = group.slice(0, left)
            tokens.append(_matrix(rows, "input_ids", length).astype(np.int32))
            learned.append(_matrix(rows, "loss_mask", length).astype(np.bool_))
            left -= rows.num_rows
            if left <= 0:
                break
    return Block(np.concatenate(tokens), np.concatenate(learned))


def _matrix(rows: Any, name: str, length: int) -> NDArray[Any]:
    column = rows.column(name).combine_chunks()
    values = column.flatten() if hasattr(column, "flatten") else column
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(-1, length)


def streams(shards: Sequence[Shard]) -> Iterator[NDArray[np.int64]]:
    """The tokens of each shard, without what fills up, one document after the other. Shape: (tokens,)."""
    for shard in shards:
        rows = tables.read(shard.path, ["input_ids", "loss_mask"])
        tokens = rows.column("input_ids").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        learned = rows.column("loss_mask").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        yield tokens[learned > 0].astype(np.int64)


def repeated(block: Block, count: int) -> Block:
    """So many sequences of a block, which is begun again where it is shorter. Raises `UserError` where it is empty."""
    if count <= len(block):
        return Block(block.tokens[:count], block.learned[:count])
    if not len(block):
        raise UserError("there is no sequence to train on", where="rephrase proxy", cure=_CURE)
    places = np.arange(count) % len(block)
    return Block(block.tokens[places], block.learned[places])
