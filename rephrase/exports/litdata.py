"""litdata's optimised chunks, for its TokensLoader.

As litdata/streaming/writer.py and item_loader.py have them: a chunk is the number of documents and where in the file each begins and the
last ends (uint32, in bytes), and then the tokens without gaps. `index.json` holds the chunks (documents as `chunk_size`, tokens as
`dim`) and a config, which says here that an item is a bare one-dimensional tensor of int32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
from typing_extensions import override

from rephrase.exports.base import Objects, Row, Shard, TokenFormat, formats, joined
from rephrase.exports.shard_note import ShardNote

INDEX = "index.json"

_DTYPE = np.dtype("<i4")  # the narrowest that embeddings take as they are
_FORMAT = "no_header_tensor:15"  # 15 is torch.int32 in litdata's list of types
_LEAF = '[1, {"type": null, "context": null, "children_spec": []}]'  # PyTorch's own text for an item that is one tensor
_CHUNK_BYTES = 64 << 20


@formats.register("litdata")
class Litdata(TokenFormat):
    """litdata's optimised chunks, for its TokensLoader.

    Tokens of four bytes, in chunks of at most 64 MiB: a trainer streams them one by one.
    """

    dtype = _DTYPE.name
    shard_bytes = _CHUNK_BYTES

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """One chunk."""
        tokens, lengths = joined(rows, _DTYPE)
        start = 4 * (len(rows) + 2)
        offsets = start + _DTYPE.itemsize * np.concatenate([[0], np.cumsum(lengths)])
        data = b"".join([np.array([len(rows)], "<u4").tobytes(), offsets.astype("<u4").tobytes(), tokens])
        return Shard([(f"chunk-{name}.bin", data)], {"chunk_bytes": len(data)})

    @override
    def index(self, folder: str, notes: Sequence[ShardNote]) -> Objects:  # names are relative
        """`index.json`."""
        chunks = [
            {
                **note.details,
                "chunk_size": note.documents,
                "dim": note.tokens,
                "filename": f"chunk-{note.name}.bin",
            }
            for note in notes
        ]
        config = {
            "chunk_bytes": _CHUNK_BYTES,
            "chunk_size": None,
            "compression": None,
            "data_format": [_FORMAT],
            "data_spec": _LEAF,
            "encryption": None,
            "item_loader": "TokensLoader",
        }
        return [(INDEX, orjson.dumps({"chunks": chunks, "config": config}, option=orjson.OPT_SORT_KEYS))]
