"""datatrove's token files, which nanotron reads too.

As datatrove/pipeline/tokens/tokenizer.py and utils/dataset.py have them: `.ds` holds tokens of two or four bytes, `.ds.index` where each
document ends, in tokens (uint64), `.ds.metadata` three lines: tokenizer and bytes a token with a bar between them, the number of tokens,
and the same for people. All numbers are little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
from typing_extensions import override

from rephrase.exports.base import Objects, Row, Shard, UnsignedTokens, formats, joined
from rephrase.exports.shard_note import ShardNote

PATHS = "paths.json"


@formats.register("datatrove")
class Datatrove(UnsignedTokens):
    """datatrove's token files, which nanotron reads too.

    `paths.json` names the files and their bytes: what DatatroveFolderDataset takes as `paths_file`.
    """

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """A `.ds` with its index and metadata."""
        tokens, lengths = joined(rows, self._dtype)
        ends = np.cumsum(lengths)
        total = int(ends[-1])
        about = f"{self.vocabulary.tokenizer}|{self._dtype.itemsize}\n{total}\n{total / 1e6:.2f} MT"
        objects = [(f"{name}.ds.index", ends.astype("<u8").tobytes()), (f"{name}.ds.metadata", about.encode()), (f"{name}.ds", tokens)]
        return Shard(objects, {"size": len(tokens)})

    @override
    def index(self, folder: str, notes: Sequence[ShardNote]) -> Objects:  # paths are relative
        """The list of files."""
        return [(PATHS, orjson.dumps([{"path": f"{note.name}.ds", **note.details} for note in notes]))]
