"""The exact Jaccard similarity of pairs of texts, over the shingles that signatures are made of."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifiers.minhash import shingles_of
from classifiers.words import Hashes, Integers, words_of

_BLOCK = 1 << 20  # characters whose shingles are in memory at a time, or those of one pair


def jaccard(first: Sequence[str], second: Sequence[str], ngram: int) -> npt.NDArray[np.float64]:
    """The similarity of each text of `first` and the same text of `second`, (n,) from 0 to 1; NaN where neither has a word.

    Shingles are runs of `ngram` words as 64-bit hashes, each counted once; a shorter text is one shingle.
    """
    lengths = [len(one) + len(other) + 1 for one, other in zip(first, second, strict=True)]
    cuts = (np.flatnonzero(np.diff(np.cumsum(lengths) // _BLOCK)) + 1).tolist()
    blocks = itertools.pairwise([0, *cuts, len(first)])
    return np.concatenate([np.empty(0), *(_jaccard(first[start:end], second[start:end], ngram) for start, end in blocks)])


def _jaccard(first: Sequence[str], second: Sequence[str], ngram: int) -> npt.NDArray[np.float64]:
    sides = [_sets(texts, ngram) for texts in (first, second)]
    hashes, pairs = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    order = np.lexsort((hashes, pairs))
    hashes, pairs = hashes[order], pairs[order]
    again = (hashes[1:] == hashes[:-1]) & (pairs[1:] == pairs[:-1])
    shared = np.bincount(pairs[1:][again], minlength=len(first))
    union = np.bincount(pairs, minlength=len(first)) - shared
    similarity: npt.NDArray[np.float64] = np.divide(shared, union, out=np.full(len(first), np.nan), where=union > 0)
    return similarity


def _sets(texts: Sequence[str], ngram: int) -> tuple[Hashes, Integers]:
    """The different shingles of each text, and the number of the text."""
    hashes, numbers = shingles_of(words_of(texts), ngram)
    order = np.lexsort((hashes, numbers))
    hashes, numbers = hashes[order], numbers[order].astype(np.int64)
    fresh = np.ones(len(hashes), np.bool_)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (numbers[1:] != numbers[:-1])
    return hashes[fresh], numbers[fresh]
