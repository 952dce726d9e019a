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

from classifiers.benchmarks import SHORTEST, Benchmark, items_of
from classifiers.grams import Grams, grams_of, matches
from classifiers.words import Hashes, Integers, Words, words_of
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


@dataclass(frozen=True)
class Index:
    """The items of all benchmarks. Made by `load_index`."""

    benchmarks: tuple[Benchmark, ...]
    benchmark_of: Integers
    rows: Integers
    """The row of each item, from 1."""
    words: tuple[Hashes, ...]
    """The word hashes of each item."""
    sizes: Integers
    """The number of words of each item."""
    ngrams: Integers
    """The number of words of each item's n-grams."""
    grams: dict[int, Grams]
    """By the words of an n-gram."""
    short: dict[str, int]
    """Items left out for fewer than 8 words, by benchmark."""
    repeated: dict[str, int]
    """Items left out for words that an earlier item of the benchmark has too."""
    templates: dict[str, int]
    """Items that cannot be found: each of their n-grams is a template."""
    digest: str
    """Of the settings and the words of all items."""

    def find(self, texts: Sequence[str], words: Words | None = None) -> list[Hit | None]:
        """The contamination of each text, or None. `words`: those of the texts, where they have been made already."""
        return [hit if hit and hit.confirmed else None for hit in self.nearest(texts, words)]

    def nearest(self, texts: Sequence[str], words: Words | None = None) -> list[Hit | None]:
        """For each text a confirmed hit, else the nearest item that shares an n-gram with it, else None.

        Give some megabytes of text at a time: the arrays take about 20 bytes a character.
        """
        words = words_of(texts) if words is None else words
        hits: list[Hit | None] = [None] * len(texts)
        for text, pairs in itertools.groupby(self._candidates(words), lambda pair: pair[0]):
            best: tuple[bool, float, int, int, int] | None = None
            own = words.hashes[words.offsets[text] : words.offsets[text + 1]]
            for _, item, shift in itertools.islice(pairs, _TRIES):
                alignment = self._align(own, item, shift)
                best = max(best or alignment, alignment)
                if best[0]:
                    break
            if best:
                hits[text] = self._hit(texts[text], *best)
        return hits

    def _candidates(self, words: Words) -> list[tuple[int, int, int]]:
        """Texts, items and the word of the text where the item would begin; for each text the most promising ones first."""
        texts, items, shifts = matches(words, self.grams)
        if not len(texts):
            return []
        low = shifts.min()
        shape = (len(words.counts), len(self.words), int(shifts.max() - low) + 1)
        keys, counts = np.unique(np.ravel_multi_index((texts, items, shifts - low), shape), return_counts=True)
        texts, items, shifts = np.unravel_index(keys, shape)
        covered = (counts + self.ngrams[items] - 1) / self.sizes[items]  # of the item, if its n-grams follow one another
        order = np.lexsort((shifts, items, -covered, texts))
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

    Raises `UserError` like `items_of`, for a benchmark that has no item to be found, and for two of the same name.
    """
    short, repeated, templates = ({benchmark.name: 0 for benchmark in benchmarks} for _ in range(3))
    if len(short) < len(benchmarks):
        raise UserError("two benchmarks have the same name", where=", ".join(b.name for b in benchmarks), cure="rename one of them")
    row_of_item: dict[tuple[int, bytes], int] = {}
    for number, benchmark in enumerate(benchmarks):
        for row, words in items_of(benchmark):
            if len(words) < SHORTEST:
                short[benchmark.name] += 1
            elif (key := (number, words.tobytes())) in row_of_item:
                repeated[benchmark.name] += 1
            else:
                row_of_item[key] = row
    items = tuple(np.frombuffer(words, np.uint64) for _, words in row_of_item)
    benchmark_of, rows = np.array([number for number, _ in row_of_item], np.int64), np.array(list(row_of_item.values()), np.int64)
    sizes = np.array([len(words) for words in items], np.int64)
    ngrams = np.minimum(sizes, np.array([benchmark.ngram for benchmark in benchmarks])[benchmark_of])
    grams = grams_of(items, ngrams, benchmark_of, [benchmark.max_items for benchmark in benchmarks])
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
    return Index(benchmarks, benchmark_of, rows, items, sizes, ngrams, grams, short, repeated, templates, digest)
