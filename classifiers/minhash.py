"""Near duplicates: signatures whose agreement estimates the Jaccard similarity of two texts' shingles, and their bands.

The signature is that of one-permutation hashing (Li, Owen, Zhang 2012, arXiv 1208.1259): a shingle's hash chooses one of
the signature's places, and each place keeps the least hash it gets, so that a text is read once and not once for each
place. Places that got none borrow from others ("optimal densification", Shrivastava 2017, arXiv 1703.04664), which keeps
the estimate free of bias for texts with few shingles. Bands of rows, as in FineWeb (Penedo et al. 2024, arXiv
2406.17557): two texts of similarity s share a band's key with a probability of about 1 - (1 - s^rows)^bands.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from classifiers.words import Hashes, Integers, Words, extended, mixed, ngrams_of, words_of
from rephrase.settings.section import Section

Signatures = npt.NDArray[np.uint32]

NO_KEY = np.uint64(0)
"""Stands in for the keys of a text without any word, which is nobody's duplicate."""
_EMPTY = np.uint32(0xFFFFFFFF)
_HALF = np.uint64(32)
_BLOCK = 1 << 18  # characters: the arrays of a block stay in a core's cache


class MinhashSettings(Section):
    """What makes up a signature. Signatures compare only where all settings are equal."""

    ngram: int = Field(default=5, ge=1)
    """Words of a shingle."""
    bands: int = Field(default=14, ge=1)
    rows: int = Field(default=8, ge=1)
    """Places of the signature in each band."""
    seed: int = Field(default=1, ge=0, lt=1 << 32)

    @property
    def places(self) -> int:
        """Values in a signature."""
        return self.bands * self.rows


def signatures(texts: Sequence[str], settings: MinhashSettings) -> Signatures:
    """One row of `bands * rows` values for each text, equal on every machine.

    A text shorter than a shingle counts as one shingle. The row of a text without words is all 0xFFFFFFFF.
    """
    result = np.empty((len(texts), settings.places), np.uint32)
    for first, last in _blocks(texts):
        result[first:last] = _signatures(words_of(texts[first:last]), settings)
    return result


def shingles_of(words: Words, size: int) -> tuple[Hashes, Hashes]:
    """The shingles of all texts as hashes, and the number of the text that each belongs to. A shorter text is one shingle."""
    grams, counts = ngrams_of(words, size)
    texts = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
    short = np.flatnonzero((words.counts > 0) & (counts == 0))
    if not len(short):
        return grams, texts
    first, lengths = words.offsets[short], words.counts[short]
    whole = words.hashes[first]
    for step in range(1, lengths.max()):
        more = lengths > step
        whole[more] = extended(whole[more], words.hashes[first[more] + step])
    return np.concatenate([grams, whole]), np.concatenate([texts, short.astype(np.uint64)])


def band_keys(signatures: Signatures, settings: MinhashSettings) -> Hashes:
    """A key for each text and band, (n, bands): texts that share a key are candidates. `NO_KEY` for texts without words."""
    bands = signatures.reshape(len(signatures), settings.bands, settings.rows)
    keys = np.broadcast_to(mixed(np.arange(1, settings.bands + 1, dtype=np.uint64)), bands.shape[:2])
    for row in range(settings.rows):
        keys = extended(keys, bands[:, :, row].astype(np.uint64))
    keys = np.maximum(keys, NO_KEY + np.uint64(1))
    keys[_wordless(signatures)] = NO_KEY
    return keys


def jaccard_estimate(a: Signatures, b: Signatures) -> npt.NDArray[np.float64]:
    """The estimated similarity of each row of `a` and the same row of `b`, from 0 to 1; NaN where a text has no words.

    Its standard error at similarity s is about sqrt(s * (1 - s) / places).
    """
    return np.where(_wordless(a) | _wordless(b), np.nan, np.mean(a == b, axis=-1))


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
    cuts = np.flatnonzero(np.diff(ends // _BLOCK)) + 1
    return zip([0, *cuts.tolist()], [*cuts.tolist(), len(texts)], strict=True)


def _signatures(words: Words, settings: MinhashSettings) -> Signatures:
    places = np.uint64(settings.places)
    shingles, texts = shingles_of(words, settings.ngram)
    shingles = mixed(shingles + mixed(np.array([settings.seed], np.uint64)))
    # The upper half of a hash, seen as a fraction of 2**32, chooses the place; the lower half is the value.
    at = (shingles >> _HALF) * places >> _HALF
    at += texts * places
    values = np.full((len(words.counts), settings.places), _EMPTY)
    np.minimum.at(values.reshape(-1), at.astype(np.int64), shingles.astype(np.uint32))
    _borrow(values, _turns(settings.places, settings.seed))
    return values


def _borrow(values: Signatures, turns: Integers) -> None:
    """Fill each empty place from the first place in its turn that is not, unless the whole text is empty."""
    own = values != _EMPTY
    rows, places = np.nonzero(~own & own.any(axis=1, keepdims=True))
    for lenders in turns:
        if not len(rows):
            return
        lender = lenders[places]
        lends = own[rows, lender]
        values[rows[lends], places[lends]] = values[rows[lends], lender[lends]]
        rows, places = rows[~lends], places[~lends]


@functools.lru_cache(maxsize=8)
def _turns(places: int, seed: int) -> Integers:
    """Column p: all places in the random order in which place p asks them. Permutations, so that the asking ends."""
    draws = mixed(mixed(np.arange(places * places, dtype=np.uint64) + (np.uint64(seed) << _HALF)))
    return np.argsort(draws.reshape(places, places), axis=0, kind="stable")


def _wordless(values: Signatures) -> npt.NDArray[np.bool_]:
    wordless: npt.NDArray[np.bool_] = np.all(values == _EMPTY, axis=-1)
    return wordless
