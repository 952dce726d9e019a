"""Words of many texts as arrays of hashes, so that n-grams of a whole batch are counted without a Python loop."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Groups = npt.NDArray[np.int32]

# Arbitrary odd 64-bit constants: odd numbers have an inverse modulo 2**64, which `words_of` relies on.
_BASE = 0x9E3779B97F4A7C15
_NEXT = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX = np.uint64(0xFF51AFD7ED558CCD)

_SEPARATOR, _JOINS, _ALONE, _MARK = 0, 1, 2, 3
# Scripts that put no spaces between words (Thai to Khmer, Han, kana, and all beyond the basic plane): a character is a word, with the signs
# of its vowel and tone.
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),
    *((0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF)),
)
_BEYOND = 0x10000
_POWERS = 1 << 19  # powers kept at least: enough for the blocks of usual batches, so that they are made once a process


@dataclass(frozen=True, slots=True)
class Words:
    """The words of several texts, end to end: those of text i stand at `offsets[i]:offsets[i + 1]`."""

    hashes: Hashes
    """One 64-bit hash a word. Equal words have equal hashes on every machine; case and punctuation do not count."""
    lengths: Integers
    """Characters of each word."""
    offsets: Integers
    """One more than there are texts."""

    @property
    def counts(self) -> Integers:
        """Words of each text."""
        return np.diff(self.offsets)

    def texts(self) -> Integers:
        """The index of the text that each word belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts)


def words_of(texts: Sequence[str]) -> Words:
    """The words of each text: runs of letters, marks and digits, in lower case; single characters with their signs in unspaced scripts."""
    lowered = [text.lower() for text in texts]
    ends = np.cumsum([len(text) + 1 for text in lowered], dtype=np.int64)  # +1 for the line feed that joins them
    codes = _codes("\n".join([*lowered, ""]))
    starts, lasts = _bounds(codes)
    offsets = np.concatenate([[0], np.searchsorted(starts, ends)]).astype(np.int64)
    if not len(starts):
        return Words(np.empty(0, np.uint64), np.empty(0, np.int64), offsets)
    # A word's hash is the polynomial of its characters. Powers run through the whole buffer, and the inverse power of
    # the word's first position takes the position out again; all of it modulo 2**64.
    powers, inverses = _powers(max(_POWERS, 1 << len(codes).bit_length()))
    values = (codes.astype(np.uint64) + np.uint64(1)) * powers[: len(codes)]
    running = np.cumsum(values)  # differences of it are several times faster than a sum for each word
    hashes = (running[lasts] - running[starts] + values[starts]) * inverses[starts]
    return Words(mixed(hashes), lasts - starts + 1, offsets)


def spans_of(text: str) -> Integers:
    """Where each word of a text begins and ends, (n, 2), in characters: the words are those of `words_of`."""
    starts, lasts = _bounds(_codes(text.lower()))
    spans = np.stack([starts, lasts + 1], axis=1)
    widths = [len(character.lower()) for character in text] if len(text.lower()) != len(text) else []
    return np.repeat(np.arange(len(text) + 1), [*widths, 1])[spans] if widths else spans  # few characters have two small letters


def mixed(hashes: Hashes) -> Hashes:
    """The hashes with every bit depending on every other, so that sums and products of them do not collide."""
    result = hashes >> np.uint64(32)  # and then in its place: memory is what large batches wait for
    result ^= hashes
    result *= _MIX
    result ^= result >> np.uint64(29)
    return result


def extended(ngrams: Hashes, following: Hashes) -> Hashes:
    """Hashes of n-grams that are one word longer: `following` holds the hash of the word that each takes in."""
    return mixed(combined(ngrams, following))


def combined(ngrams: Hashes, following: Hashes) -> Hashes:
    """What `extended` mixes: enough to tell n-grams apart, where what is extended next is not this."""
    result = ngrams * _NEXT
    result += following
    return result


def ngrams_of(words: Words, size: int) -> tuple[Hashes, Integers]:
    """The n-grams of each text, end to end, and the n-grams that each text has."""
    # Those that reach into the next text are made in vain and left out: slices are faster than picking each word.
    width = max(len(words.hashes) - (size - 1), 0)
    hashes = words.hashes[:width]
    for step in range(1, size):
        hashes = extended(hashes, words.hashes[step : width + step])
    return _within_texts(hashes, words, size)


def sliding_ngrams_of(words: Words, size: int) -> tuple[Hashes, Integers]:
    """As `ngrams_of` with other hashes, in time that does not grow with the size."""
    width = max(len(words.hashes) - (size - 1), 0)
    powers, inverses = _powers(max(_POWERS, 1 << len(words.hashes).bit_length()))
    running = np.concatenate([np.zeros(1, np.uint64), words.hashes * powers[: len(words.hashes)]])
    np.cumsum(running, out=running)
    hashes = running[size : width + size] - running[:width]
    hashes *= inverses[:width]
    return _within_texts(hashes, words, size)


def _within_texts(hashes: Hashes, words: Words, size: int) -> tuple[Hashes, Integers]:
    """The hashes of n-grams that do not reach into the next text, and how many each text has."""
    counts = np.maximum(words.counts - (size - 1), 0)
    pieces = zip(words.offsets[:-1].tolist(), counts.tolist(), strict=True)
    return np.concatenate([hashes[:0], *(hashes[start : start + count] for start, count in pieces)]), counts


def groups_of(hashes: Hashes) -> Groups:
    """The group of each hash, where equal ones are a group: numbered from 0 in the order in which their first members stand."""
    # By a hash table: sorting takes several times as long for a million words, and grows faster than they do.
    groups: Groups = pa.array(hashes).dictionary_encode().indices.to_numpy()
    return groups


def _bounds(codes: npt.NDArray[np.uint8] | npt.NDArray[np.uint32]) -> tuple[Integers, Integers]:
    """The first and the last character of each word."""
    kind = np.take(_kinds(), codes if codes.dtype == np.uint8 else np.minimum(codes, _BEYOND))
    joins = kind == _JOINS
    inside = kind != _SEPARATOR
    bound = (joins[1:] & joins[:-1]) | ((kind[1:] == _MARK) & inside[:-1])
    begins = inside.copy()
    begins[1:] &= ~bound
    inside[:-1] &= ~bound
    return np.flatnonzero(begins), np.flatnonzero(inside)


def _codes(text: str) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint32]:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    order = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"
    return np.frombuffer(text.encode(order, "surrogatepass"), np.uint32)


@functools.cache
def _kinds() -> npt.NDArray[np.uint8]:
    kinds = np.zeros(_BEYOND + 1, np.uint8)
    for code in range(_BEYOND):
        if unicodedata.category(chr(code))[0] in "LMN":
            kinds[code] = _JOINS
    for first, last in _UNSPACED:
        for code in range(first, last + 1):
            kind = unicodedata.category(chr(code))[0]
            kinds[code] = _MARK if kind == "M" else _ALONE if kind in "LN" else _SEPARATOR
    kinds[_BEYOND] = _ALONE
    return kinds


@functools.lru_cache(maxsize=2)
def _powers(count: int) -> tuple[Hashes, Hashes]:
    def powers(base: int) -> Hashes:
        factors = np.full(count, base, np.uint64)
        factors[0] = 1
        return np.multiply.accumulate(factors)

    return powers(_BASE), powers(pow(_BASE, -1, 1 << 64))
