"""Word n-grams of many items, and where they stand in many texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifiers.words import Hashes, Integers, Words, extended


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of one size, each with its items: those of gram i stand at `begins[i]:begins[i + 1]`."""

    hashes: Hashes
    begins: Integers
    items: Integers
    places: Integers
    """The word of the item at which the n-gram begins."""
    present: npt.NDArray[np.bool_]
    """By a hash's first bits: whether any n-gram has them. Small enough for the processor's cache, unlike a binary search."""

    @classmethod
    def of(cls, hashes: Hashes, items: Integers, places: Integers) -> Grams:
        """From sorted hashes, with the item and the place of each."""
        distinct, begins = np.unique(hashes, return_index=True)
        present = np.zeros(1 << min(26, max(10, (16 * len(distinct)).bit_length())), np.bool_)
        present[distinct >> _shift(present)] = True
        return cls(distinct, np.append(begins, len(hashes)), items, places, present)

    def find(self, running: Hashes) -> tuple[Integers, Integers, Integers]:
        """Where n-grams of items stand among the running ones, of which items they are, and where they stand in these."""
        maybe = np.flatnonzero(self.present[running >> _shift(self.present)])
        gram = np.searchsorted(self.hashes, running[maybe])
        exact = self.hashes[np.minimum(gram, len(self.hashes) - 1)] == running[maybe]
        at, gram = maybe[exact], gram[exact]
        counts = self.begins[gram + 1] - self.begins[gram]
        pick = np.repeat(self.begins[gram] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return np.repeat(at, counts), self.items[pick], self.places[pick]


def grams_of(items: Sequence[Hashes], ngrams: Integers, groups: Integers, limits: Sequence[int]) -> dict[int, Grams]:
    """The n-grams of items, by their number of words: of item i, given as word hashes, those of `ngrams[i]` words.

    An n-gram that more than `limits[g]` items of group g share is left out for the items of that group.
    """
    grams = {}
    for size in np.unique(ngrams).tolist():
        of_size = np.flatnonzero(ngrams == size)
        counts = [len(items[item]) - size + 1 for item in of_size]
        hashes = np.concatenate([_ngrams(items[item], size) for item in of_size])
        owners = np.repeat(of_size, counts)
        places = np.concatenate([np.arange(count) for count in counts])
        order = np.lexsort((places, owners, hashes))
        hashes, owners, places = hashes[order], owners[order], places[order]
        first = np.ones(len(hashes), np.bool_)  # of an n-gram that an item has twice, the first place will do
        first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
        hashes, owners, places = hashes[first], owners[first], places[first]
        _, gram = np.unique(hashes, return_inverse=True)
        _, shared_by, shared = np.unique(gram * len(limits) + groups[owners], return_inverse=True, return_counts=True)
        rare = shared[shared_by] <= np.array(limits)[groups[owners]]
        grams[size] = Grams.of(hashes[rare], owners[rare], places[rare])
    return grams


def matches(words: Words, grams: dict[int, Grams]) -> tuple[Integers, Integers, Integers]:
    """Where n-grams of items stand in texts: the text, the item, and the word of the text at which the item would begin.

    One element a match. The word is negative where the beginning of the item is missing before the text's first word.
    """
    parts = [np.empty((3, 0), np.int64)]
    running = words.hashes
    for size in range(1, max(grams, default=0) + 1):
        if size > 1:
            running = extended(running[:-1], words.hashes[size - 1 :])  # n-grams across texts too: they are dropped below
        if size in grams:
            at, item, place = grams[size].find(running)
            text = np.searchsorted(words.offsets, at, "right") - 1
            inside = at + size <= words.offsets[text + 1]
            parts.append(np.stack([text, item, at - words.offsets[text] - place])[:, inside])
    texts, items, begins = np.concatenate(parts, axis=1)
    return texts, items, begins


def _ngrams(words: Hashes, size: int) -> Hashes:
    hashes = words
    for longer in range(2, size + 1):
        hashes = extended(hashes[:-1], words[longer - 1 :])
    return hashes


def _shift(present: npt.NDArray[np.bool_]) -> np.uint64:
    return np.uint64(65 - len(present).bit_length())
