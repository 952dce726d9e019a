"""OLMo-core's token files: a bare array in a `.npy` without header, and a `.csv.gz` of the same name for the documents in it.

OLMo-core maps the file as unsigned integers of the narrowest type that holds the vocabulary, from two bytes on here, and takes the first
two columns of the CSV, which has no header line, as the first token of a document and the one after its last. The dolma toolkit, which
writes such files, has the document's id, its source and its place in the source as further columns.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from rephrase.exports.base import Row, Shard, UnsignedTokens, formats, joined


@formats.register("numpy")
class NumpyArrays(UnsignedTokens):
    """Bare arrays of tokens, as OLMo-core reads them.

    The manifest is the index: OLMo-core is given a list of paths.
    """

    @override
    def shard(self, name: str, rows: Sequence[Row]) -> Shard:
        """The array and its documents."""
        tokens, lengths = joined(rows, self._dtype)
        ends = np.cumsum(lengths)
        lines = [
            f"{end - length},{end},{_quoted(row.id)},{name},{place}\n"
            for place, (row, length, end) in enumerate(zip(rows, lengths.tolist(), ends.tolist(), strict=True))
        ]
        documents = gzip.compress("".join(lines).encode(), mtime=0)  # no time of day: the same rows give the same bytes
        return Shard([(f"{name}.csv.gz", documents), (f"{name}.npy", tokens)], {})


def _quoted(text: str) -> str:
    line = " ".join(text.splitlines())  # OLMo-core reads line by line
    return '"' + line.replace('"', '""') + '"' if any(mark in line for mark in ',"') else line
