"""Items of benchmarks inside texts: shared word n-grams find candidates, an alignment of the words confirms them.

Overlap of 13-grams is GPT-3's test (Brown et al. 2020, arXiv 2005.14165, appendix C). It alone convicts too much, since texts share
quotations and set phrases with benchmarks; so an item counts only where most of its words, or a long run of them, stand in the text.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifiers.benchmarks import SHORTEST, Benchmark, items_of
from classifiers.words import Hashes, Integers, Words, extended, words_of
from rephrase.errors import UserError
from rephrase.records import content_id

_EXCERPT = 200  # characters
_TRIES = 64  # alignments of one text at most: a text that quotes a thousand items is convicted by the first ones


@dataclass(frozen=True, slots=True)
class Hit:
    """The item of a benchmark that a text comes nearest to."""

    benchmark: str
    item: int
    """The row of the item, from 1, over the files of its benchmark."""
    longest_match: int
    """Words of the longest run that item and text share where they are aligned."""
    ratio: float
    """From 0 to 1: the share of the item that stands in the text, by edits of words."""
    position: int
    """The character of the text at which the longest run begins."""
    excerpt: str
    """The text from there, at most 200 characters."""
    confirmed: bool
    """Whether the benchmark's bounds make it a contamination."""


@dataclass(frozen=True, slots=True)
class _Grams:
    """The n-grams of one size, each with its items: those of gram i stand at `begins[i]:begins[i + 1]`."""

    hashes: Hashes
    begins: Integers
    items: Integers
    places: Integers
    """The word of the item at which the n-gram begins."""
    present: npt.NDArray[np.bool_]
    """By a hash's first bits: whether any n-gram has them. Small enough for the processor's cache, unlike a binary search."""

    @classmethod
    def of(cls, hashes: Hashes, items: Integers, places: Integers) -> _Grams:
        distinct, begins = np.unique(hashes, return_index=True)
        present = np.zeros(1 << min(26, max(10, (16 * len(distinct)).bit_length())), np.bool_)
        present[distinct >> _shift(present)] = True
        return cls(distinct, np.append(begins, len(hashes)), items, places, present)

    def find(self, running: Hashes) -> tuple[Integers, Integers, Integers]:
        """Where n-grams of items stand among the running ones, of which items they are, and where they stand in these."""
        maybe = np.flatnonzero(self.present[running >> _shift(self.present)])
        gram = np.searchsorted(self.hashes, running[maybe])
        found = self.hashes[np.minimum(gram, len(self.hashes) - 1)] == running[maybe]
        at, gram = maybe[found], gram[found]
        counts = self.begins[gram + 1] - self.begins[gram]
        pick = np.repeat(self.begins[gram] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return np.repeat(at, counts), self.items[pick], self.places[pick]


@dataclass(frozen=True)
class Index:
    """The items of all benchmarks. Made by `load_index`."""

    benchmarks: tuple[Benchmark, ...]
    benchmark_of: Integers
    rows: Integers
    """The row of each item, from 1."""
    words: tuple[Hashes, ...]
    """The word hashes of each item."""
    grams: dict[int, _Grams]
    """By the words of an n-gram."""
    short: dict[str, int]
    """Items left out for fewer than 8 words, by benchmark."""
    repeated: dict[str, int]
    """Items left out for words that an earlier item of the benchmark has too."""
    templates: dict[str, int]
    """Items that cannot be found: each of their n-grams is a template."""
    digest: str
    """Of the settings and the words of all items."""

    @functools.cached_property
    def sizes(self) -> Integers:
        """The number of words of each item."""
        return np.array([len(words) for words in self.words], np.int64)

    def find(self, texts: Sequence[str], words: Words | None = None) -> list[Hit | None]:
        """The contamination of each text, or None. `words`: those of the texts, where they have been made already."""
        return [hit if hit and hit.confirmed else None for hit in self.nearest(texts, words)]

    def nearest(self, texts: Sequence[str], words: Words | None = None) -> list[Hit | None]:
        """A confirmed hit, else the nearest item that shares an n-gram with the text, else None."""
        words = words_of(texts) if words is None else words
        hits: list[Hit | None] = [None] * len(texts)
        for text, pairs in itertools.groupby(self._candidates(words), lambda pair: pair[0]):
            best: tuple[bool, float, int, int, int] | None = None
            own = words.hashes[words.offsets[text] : words.offsets[text + 1]]
            for _, item, shift in itertools.islice(pairs, _TRIES):
                tried = self._align(own, item, shift)
                best = max(best or tried, tried)
                if best[0]:
                    break
            if best:
                hits[text] = self._hit(texts[text], *best)
        return hits

    def _candidates(self, words: Words) -> list[tuple[int, int, int]]:
        """Texts, items and the word of the text where the item would begin; for each text the most promising ones first."""
        found = [np.empty((3, 0), np.int64)]
        running = words.hashes
        for size in range(2, max(self.grams, default=0) + 1):
            running = extended(running[:-1], words.hashes[size - 1 :])  # n-grams across texts too: those are dropped below
            if size in self.grams:
                at, item, place = self.grams[size].find(running)
                text = np.searchsorted(words.offsets, at, "right") - 1
                inside = at + size <= words.offsets[text + 1]
                found.append(np.stack([text, item, at - words.offsets[text] - place])[:, inside])
        texts, items, shifts = np.concatenate(found, axis=1)
        if not len(texts):
            return []
        low = shifts.min()
        shape = (len(words.counts), len(self.words), int(shifts.max() - low) + 1)
        keys, counts = np.unique(np.ravel_multi_index((texts, items, shifts - low), shape), return_counts=True)
        texts, items, shifts = np.unravel_index(keys, shape)
        order = np.lexsort((shifts, items, -counts / self.sizes[items], texts))
        return list(zip(texts[order].tolist(), items[order].tolist(), (shifts[order] + low).tolist(), strict=True))

    def _align(self, own: Hashes, item: int, shift: int) -> tuple[bool, float, int, int, int]:
        benchmark = self.benchmarks[self.benchmark_of[item]]
        size = int(self.sizes[item])
        slack = int((1 - benchmark.min_edit_ratio) * size) + 1
        begin = max(0, shift - slack)
        distance, longest, at = aligned(self.words[item], own[begin : shift + size + slack])
        ratio = (size - distance) / size
        long = benchmark.min_longest is not None and longest >= benchmark.min_longest
        return bool(ratio >= benchmark.min_edit_ratio or long), ratio, longest, begin + at, item

    def _hit(self, text: str, confirmed: bool, ratio: float, longest: int, word: int, item: int) -> Hit:
        # A prefix has more than `word` words once it takes in that word's first character.
        position = bisect.bisect_left(range(1, len(text) + 1), word + 1, key=lambda size: words_of([text[:size]]).counts[0])
        name = self.benchmarks[self.benchmark_of[item]].name
        return Hit(name, int(self.rows[item]), longest, ratio, position, text[position : position + _EXCERPT], confirmed)


def aligned(item: Hashes, window: Hashes) -> tuple[int, int, int]:
    """How an item fits into a window of a text.

    Gives the word edits (insertions, deletions, replacements) from the item to that part of the window which is nearest to it (Sellers
    1980, doi 10.1016/0196-6774(80)90016-4), the words of their longest common run, and the word of the window at which the run begins.
    """
    steps = np.arange(len(window) + 1)
    edits = np.zeros(len(window) + 1, np.int64)  # of the item so far, to a part that ends before each word of the window
    runs = np.zeros(len(window) + 1, np.int64)
    longest, end = 0, 0
    for word in item:
        same = window == word
        reached = edits + 1
        np.minimum(reached[1:], edits[:-1] + ~same, out=reached[1:])
        edits = np.minimum.accumulate(reached - steps) + steps
        runs[1:] = (runs[:-1] + 1) * same
        if (best := runs.max()) > longest:
            longest, end = int(best), int(runs.argmax())
    return int(edits.min()), longest, end - longest


@functools.lru_cache(maxsize=8)
def load_index(benchmarks: tuple[Benchmark, ...]) -> Index:
    """The index of the benchmarks, read once a process.

    Raises `UserError`, with file and row, for missing files, bad JSON, missing fields and values of the wrong type; and for a benchmark
    that has no items to be found.
    """
    short, repeated, templates = ({benchmark.name: 0 for benchmark in benchmarks} for _ in range(3))
    if len(short) < len(benchmarks):
        raise UserError("two benchmarks have the same name", where=", ".join(b.name for b in benchmarks), cure="rename one of them")
    kept: dict[tuple[int, bytes], int] = {}
    for number, benchmark in enumerate(benchmarks):
        for row, words in items_of(benchmark):
            if len(words) < SHORTEST:
                short[benchmark.name] += 1
            elif (key := (number, words.tobytes())) in kept:
                repeated[benchmark.name] += 1
            else:
                kept[key] = row
    items = tuple(np.frombuffer(words, np.uint64) for _, words in kept)
    benchmark_of, rows = np.array([number for number, _ in kept], np.int64), np.array(list(kept.values()), np.int64)
    grams = _grams(items, benchmarks, benchmark_of)
    findable = np.zeros(len(items), np.bool_)
    for size in grams.values():
        findable[size.items] = True
    for number, benchmark in enumerate(benchmarks):
        own = findable[benchmark_of == number]
        templates[benchmark.name] = int((~own).sum())
        if not own.any():
            raise UserError(
                f"no item of the benchmark `{benchmark.name}` can be found: {short[benchmark.name]} have fewer than {SHORTEST} words, "
                f"{templates[benchmark.name]} are like many others",
                where=", ".join(benchmark.paths),
                cure="name longer fields, or several with `join: true`",
            )
    digest = content_id(*(benchmark.model_dump_json() for benchmark in benchmarks), *(words.tobytes().hex() for words in items))
    return Index(benchmarks, benchmark_of, rows, items, grams, short, repeated, templates, digest)


def _grams(items: Sequence[Hashes], benchmarks: Sequence[Benchmark], benchmark_of: Integers) -> dict[int, _Grams]:
    by_size: dict[int, list[int]] = {}
    for item, words in enumerate(items):
        by_size.setdefault(min(len(words), benchmarks[benchmark_of[item]].ngram), []).append(item)
    limits = np.array([benchmark.max_items for benchmark in benchmarks])[benchmark_of]
    grams = {}
    for size, of_size in by_size.items():
        hashes = np.concatenate([_running(items[item], size) for item in of_size])
        counts = [len(items[item]) - size + 1 for item in of_size]
        owners = np.repeat(of_size, counts)
        places = np.concatenate([np.arange(count) for count in counts])
        order = np.lexsort((places, owners, hashes))
        hashes, owners, places = hashes[order], owners[order], places[order]
        first = np.ones(len(hashes), np.bool_)  # of an n-gram that an item has twice, the first place will do
        first[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
        hashes, owners, places = hashes[first], owners[first], places[first]
        _, gram = np.unique(hashes, return_inverse=True)
        _, shared_by, shared = np.unique(gram * len(benchmarks) + benchmark_of[owners], return_inverse=True, return_counts=True)
        rare = shared[shared_by] <= limits[owners]
        grams[size] = _Grams.of(hashes[rare], owners[rare], places[rare])
    return grams


def _running(words: Hashes, size: int) -> Hashes:
    hashes = words
    for longer in range(2, size + 1):
        hashes = extended(hashes[:-1], words[longer - 1 :])
    return hashes


def _shift(present: npt.NDArray[np.bool_]) -> np.uint64:
    return np.uint64(65 - len(present).bit_length())
