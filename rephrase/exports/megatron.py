"""Megatron-core's indexed dataset: a pair of `.bin` and `.idx` for each shard, and a blend of all of them.

The layout is that of megatron/core/datasets/indexed_dataset.py: nine bytes of magic, version 1 (uint64), a code for the type of tokens
(uint8), the numbers of sequences and of document indices (uint64 each), then the length of each sequence in tokens (int32), where each
begins in the `.bin` in bytes (int64), and the number of sequences before each document and at the end (int64). All little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import orjson
from typing_extensions import override

from rephrase import storage
from rephrase.exports.base import Objects, Row, Shard, TokenFormat, formats, joined
from rephrase.exports.shard_note import ShardNote
from rephrase.exports.vocabulary import Vocabulary
from rephrase.settings.section import Section

BLEND = "blend.json"

_MAGIC = b"MMIDIDX\x00\x00"
_VERSION = 1
_CODES = {np.dtype("<u2"): 8, np.dtype("<i4"): 4}
_SMALL = 65_500  # below so many token ids the reader's own tools write two bytes a token


@formats.register("megatron")
class Megatron(TokenFormat):
    """Megatron-core's indexed datasets, of which `blend.json` makes one.

    A document is one sequence. `blend.json` is the list `[weight, prefix, …]` that Megatron makes blends of, weighted by tokens.
    """

    def __init__(self, name: str, settings: Section, vocabulary: Vocabulary) -> None:
        super().__init__(name, settings, vocabulary)
        self._dtype = np.dtype("<u2" if vocabulary.size < _SMALL else "<i4")
        self.dtype = self._dtype.name

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """A `.bin` of tokens and its `.idx`."""
        tokens, lengths = joined(rows, self._dtype)
        pointers = (np.cumsum(lengths) - lengths) * self._dtype.itemsize
        documents = np.arange(len(rows) + 1)
        head = _MAGIC + struct.pack("<QBQQ", _VERSION, _CODES[self._dtype], len(rows), len(documents))
        index = head + lengths.astype("<i4").tobytes() + pointers.astype("<i8").tobytes() + documents.astype("<i8").tobytes()
        return Shard([(f"{name}.bin", tokens), (f"{name}.idx", index)], {})

    @override
    def index(self, folder: str, notes: Sequence[ShardNote]) -> Objects:
        """The blend, with the prefixes as they are reached from everywhere."""
        blend = [part for note in notes for part in (note.tokens, storage.join(folder, note.name))]
        return [(BLEND, orjson.dumps(blend))]
