"""How varied a sample of texts is: measures that tell a corpus which collapses from one that does not.

No single one does: words may stay varied while texts grow alike, and the other way round. All but `kept_share`, `vocabulary_tail` and
`embedding_spread` depend on the size of the sample, so that only samples of equal size compare (see `first_words`).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from classifiers.words import Hashes, Integers, Words, ngrams_of, words_of

_SLICE = 64  # texts whose words are made at a time: bounds the buffers
_NO_MATCH = 0.1  # n-grams that stand in for none, so that one missing size does not make a BLEU of 0


def words_in(texts: Sequence[str]) -> Words:
    """The words of each text, as `words_of` makes them, with buffers that do not grow with the number of texts."""
    parts = [words_of(texts[at : at + _SLICE]) for at in range(0, len(texts), _SLICE)] or [words_of([])]
    counts = np.concatenate([part.counts for part in parts])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Words(np.concatenate([part.hashes for part in parts]), np.concatenate([part.lengths for part in parts]), offsets)


def first_words(words: Words, count: int) -> Words:
    """The first `count` words of all texts together: the last text that has some of them is cut, those after it are empty."""
    return Words(words.hashes[:count], words.lengths[:count], np.minimum(words.offsets, count))


def first_of_each(words: Words, count: int) -> Words:
    """The first `count` words of each text."""
    inside = np.arange(len(words.hashes)) - np.repeat(words.offsets[:-1], words.counts) < count
    offsets = np.concatenate([[0], np.cumsum(np.minimum(words.counts, count))]).astype(np.int64)
    return Words(words.hashes[inside], words.lengths[inside], offsets)


def first_texts(words: Words, count: int) -> Words:
    """The first `count` texts."""
    return first_words(Words(words.hashes, words.lengths, words.offsets[: count + 1]), int(words.offsets[: count + 1][-1]))


def distinct(words: Words, size: int) -> float:
    """Distinct-n (Li et al. 2016, arXiv 1510.03055): the share of n-grams of `size` words that are distinct; NaN if there are none."""
    grams, _ = ngrams_of(words, size)
    return len(np.unique(grams)) / len(grams) if len(grams) else math.nan


def compression(data: bytes) -> float:
    """Bytes over bytes as zlib packs them (Shaib et al. 2024, arXiv 2403.00553). zlib looks back 32 KB, which is a few texts."""
    return len(data) / len(zlib.compress(data, 9))


def far_compression(data: bytes) -> float:
    """Bytes over bytes as zstd packs them, which looks back over the whole sample: repeats between any two texts count."""
    parameters = zstandard.ZstdCompressionParameters.from_level(9, window_log=27, enable_ldm=True)
    return len(data) / len(zstandard.ZstdCompressor(compression_params=parameters).compress(data))


def self_bleu(words: Words, longest: int = 4) -> float:
    """Self-BLEU (Zhu et al. 2018, arXiv 1802.01886): the mean BLEU of each text against all others, from 0 to 1; 1 where all are alike.

    BLEU of n-grams up to `longest` words (Papineni et al. 2002) with the closest length of another text for brevity; where no n-gram of a
    size matches, 0.1 of one does (Chen and Cherry 2014, method 1), and a text without any known word scores 0. Texts without words are left
    out; NaN for fewer than two. Memory grows with the square of the number of texts.
    """
    words = Words(words.hashes, words.lengths, np.append(words.offsets[:-1][words.counts > 0], words.offsets[-1]))
    sizes = words.counts
    if len(sizes) < 2:
        return math.nan
    logs = np.zeros(len(sizes))
    overlaps = np.zeros(len(sizes), np.bool_)
    for size in range(1, longest + 1):
        grams, counts = ngrams_of(words, size)
        matches = _matches(grams, np.repeat(np.arange(len(counts)), counts), len(counts))
        overlaps |= (matches > 0) & (size == 1)
        logs += np.log(np.where(matches > 0, matches, _NO_MATCH) / np.maximum(counts, 1)) / longest
    closest = _closest(sizes)
    brevity = np.where(sizes > closest, 1.0, np.exp(1 - closest / sizes))
    return float(np.mean(np.where(overlaps, np.exp(logs) * brevity, 0.0)))


def _matches(grams: Hashes, texts: Integers, count: int) -> npt.NDArray[np.float64]:
    """For each text its n-grams that another text has too, each at most as often as the other text that has it most often."""
    if not len(grams):
        return np.zeros(count)
    order = np.lexsort((texts, grams))
    grams, texts = grams[order], texts[order]
    starts = np.flatnonzero(_fresh(grams) | _fresh(texts))
    often = np.diff(np.append(starts, len(grams)))
    grams, texts = grams[starts], texts[starts]
    order = np.lexsort((often, grams))
    grams, texts, often = grams[order], texts[order], often[order]
    heads = np.flatnonzero(_fresh(grams))
    lasts = np.append(heads[1:], len(grams)) - 1
    limits = np.repeat(often[lasts], lasts - heads + 1)
    limits[lasts] = np.where(lasts > heads, often[lasts - 1], 0)  # the text that has it most often is measured by the one after it
    matches: npt.NDArray[np.float64] = np.bincount(texts, np.minimum(often, limits), count).astype(np.float64)
    return matches


def _closest(sizes: Integers) -> Integers:
    """For each size the nearest of the others, of two the smaller."""
    apart = np.abs(sizes[:, None] - sizes).astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(sizes, kind="stable")
    nearest: Integers = sizes[order[np.argmin(apart[:, order], axis=1)]]
    return nearest


def mtld(words: Words, threshold: float = 0.72) -> float:
    """The measure of textual lexical diversity (McCarthy and Jarvis 2010), of all texts read on end: words a factor.

    A factor ends where the distinct words fall to `threshold` of its words; the rest at the end counts in part. Mean of reading forward
    and backward. NaN where no word comes twice.
    """
    hashes = words.hashes.tolist()
    return (_factor_length(hashes, threshold) + _factor_length(hashes[::-1], threshold)) / 2


def _factor_length(hashes: Sequence[int], threshold: float) -> float:
    factors, length = 0.0, 0
    vocabulary: set[int] = set()
    for word in hashes:
        length += 1
        vocabulary.add(word)
        if len(vocabulary) <= threshold * length:
            factors, length = factors + 1, 0
            vocabulary.clear()
    if length:
        factors += (1 - len(vocabulary) / length) / (1 - threshold)
    return len(hashes) / factors if factors else math.nan


def vocabulary_tail(words: Words, share: float = 0.1) -> Hashes:
    """The rarest words: those no more frequent than the word at which the words, from the rarest on, make up `share` of all occurrences.

    The tail of a distribution is what goes first where models learn from models (Shumailov et al. 2024, doi 10.1038/s41586-024-07566-y).
    """
    distinct_words, counts = np.unique(words.hashes, return_counts=True)
    if not len(counts):
        return distinct_words
    ascending = np.sort(counts)
    bound = ascending[np.searchsorted(np.cumsum(ascending), share * len(words.hashes))]
    rarest: Hashes = distinct_words[counts <= bound]
    return rarest


def kept_share(tail: Hashes, words: Words) -> float:
    """The share of the tail's words that occur at all, from 0 to 1; NaN for an empty tail."""
    return float(np.mean(np.isin(tail, words.hashes))) if len(tail) else math.nan


def embedding_spread(vectors: npt.NDArray[np.floating[Any]]) -> float:
    """The mean cosine distance of two texts, from 0 to 2. `vectors`: one a row; zero ones are left out. NaN for fewer than two."""
    exact = vectors.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1)
    units = exact[norms > 0] / norms[norms > 0, None]
    count = len(units)
    if count < 2:
        return math.nan
    # The square of the sum of all holds each pair twice, and each text with itself once.
    return float(1 - (np.sum(np.sum(units, axis=0) ** 2) - count) / (count * (count - 1)))


def _fresh(values: Hashes | Integers) -> npt.NDArray[np.bool_]:
    fresh = np.ones(len(values), np.bool_)
    fresh[1:] = values[1:] != values[:-1]
    return fresh
