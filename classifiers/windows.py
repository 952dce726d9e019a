"""Runs of words that stand in several texts, word for word: their keys, and the texts without them.

Lee et al. 2021 (arXiv 2107.06499) cut runs of 50 tokens that a corpus has twice, which they find by a suffix array. Here each run of so
many words has a key by a rolling hash, so that keys can be compared wherever the texts lie.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from classifiers.words import Integers, combined, sliding_ngrams_of, spans_of, words_of

_KEY = 16  # bytes


def window_keys(texts: Sequence[str], size: int) -> tuple[pa.Array, Integers, Integers]:
    """A key of 16 bytes for each run of `size` words, the number of its text, and the number of its first word there.

    Equal runs have equal keys, whatever their case and punctuation.
    """
    words = words_of(texts)
    hashes, counts = sliding_ngrams_of(words, size)
    numbers = np.repeat(np.arange(len(texts)), counts)
    starts = np.arange(len(hashes)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = words.offsets[:-1][numbers] + starts
    # The outer words once more: 64 bits alone would make other runs equal in a corpus of ten billion words.
    outer = combined(words.hashes[first], words.hashes[first + size - 1])
    buffer = pa.py_buffer(np.stack([hashes, outer], axis=1).tobytes())
    keys = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_KEY), len(hashes), [None, buffer]).cast(pa.binary())
    return keys, numbers, starts


def without_windows(text: str, starts: Collection[int], size: int) -> tuple[str, int, int]:
    """The text without the runs of `size` words that begin at these words, the words that are left, and those that went.

    What stands between a run and the white space behind it goes with it. A line break that goes leaves one.
    """
    spans = spans_of(text)
    out = np.zeros(len(spans), np.bool_)
    for start in starts:
        out[start : start + size] = True
    edges = np.flatnonzero(np.diff(out.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    parts, at = [], 0
    for first, last in edges.tolist():
        parts.append(text[at : spans[first][0]])
        at = int(spans[last - 1][1])
        while at < len(text) and not text[at].isspace() and not text[at].isalnum():
            at += 1
    parts.append(text[at:])
    left = parts[0]
    for (first, last), part in zip(edges.tolist(), parts[1:], strict=True):
        gap = text[spans[first][0] : spans[last - 1][1]] + part[: len(part) - len(part.lstrip())]
        left = left.rstrip() + ("\n" if "\n" in gap else " ") + part.lstrip()
    gone = int(out.sum())
    return left.strip(), len(spans) - gone, gone
