"""Text that repeats itself: Gopher's fractions of duplicate lines, paragraphs and n-grams, and the compression ratio.

The fractions are those of Rae et al. 2021 (Scaling Language Models: Gopher, arXiv 2112.11446, table A1). All are shares
of the characters of words (or lines), from 0 to 1; texts too short for an n-gram score 0.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from typing_extensions import override

from classifiers.batch import Check, Flags, JudgeBatch, Scores, within
from classifiers.checks import checks
from classifiers.words import Integers, Words, combined, groups_of, mixed
from rephrase.settings.section import Section

TOP_SIZES = (2, 3, 4)
DUPLICATE_SIZES = (5, 6, 7, 8, 9, 10)
_WORDS_AT_ONCE = 1 << 18
_PARAGRAPH = re.compile(r"\n\s*\n")


class RepetitionSettings(Section):
    """The highest value allowed of each score; null allows any."""

    duplicate_lines: float | None = Field(default=None, ge=0, le=1)
    """Lines that repeat an earlier one, of all lines."""
    duplicate_line_characters: float | None = Field(default=None, ge=0, le=1)
    duplicate_paragraphs: float | None = Field(default=None, ge=0, le=1)
    duplicate_paragraph_characters: float | None = Field(default=None, ge=0, le=1)
    top_2gram: float | None = Field(default=None, ge=0, le=1)
    """Characters in occurrences of the most frequent 2-gram, where it occurs more than once."""
    top_3gram: float | None = Field(default=None, ge=0, le=1)
    top_4gram: float | None = Field(default=None, ge=0, le=1)
    duplicate_5grams: float | None = Field(default=None, ge=0, le=1)
    """Characters in words that belong to a 5-gram seen earlier in the text; each character counts once."""
    duplicate_6grams: float | None = Field(default=None, ge=0, le=1)
    duplicate_7grams: float | None = Field(default=None, ge=0, le=1)
    duplicate_8grams: float | None = Field(default=None, ge=0, le=1)
    duplicate_9grams: float | None = Field(default=None, ge=0, le=1)
    duplicate_10grams: float | None = Field(default=None, ge=0, le=1)
    compression: float | None = Field(default=None, ge=1)
    """Bytes of the text over bytes of the text as zlib packs it."""


@checks.register("repetition")
@dataclass(frozen=True, slots=True)
class Repetition(Check):
    """Rejects rows with a score above its setting. Scores: `repetition.<setting>` for each setting."""

    name: str
    settings: RepetitionSettings
    Settings = RepetitionSettings

    @override
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        measures = {**_by_parts(batch), **ngram_fractions(batch.words), "compression": _compression(batch)}
        return {f"{self.name}.{setting}": np.where(batch.has_text, values, np.nan) for setting, values in measures.items()}

    @override
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        bounds = {setting: getattr(self.settings, setting) for setting in RepetitionSettings.model_fields}
        keep: Flags = np.logical_and.reduce([within(scores[f"{self.name}.{setting}"], None, bound) for setting, bound in bounds.items()])
        return keep


def ngram_fractions(words: Words) -> dict[str, Scores]:
    """`top_<n>gram` and `duplicate_<n>grams` of each text."""
    parts = [_fractions(part) for part in _parts(words)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _parts(words: Words) -> Iterator[Words]:
    """The words of some texts at a time, so many that they stay near the processor."""
    first, texts = 0, len(words.offsets) - 1
    while first < texts or not first:
        start = words.offsets[first]
        last = min(max(first + 1, int(np.searchsorted(words.offsets, start + _WORDS_AT_ONCE, "right")) - 1), texts)
        end = words.offsets[last]
        yield Words(words.hashes[start:end], words.lengths[start:end], words.offsets[first : last + 1] - start)
        first = last or 1


def _fractions(words: Words) -> dict[str, Scores]:
    texts = np.arange(len(words.offsets) - 1)
    # Behind each text stands a word of no length that is nowhere else, so that no n-gram that occurs twice reaches over the end.
    hashes = np.insert(words.hashes, words.offsets[1:], mixed(~texts.astype(np.uint64)))
    lengths = np.insert(words.lengths, words.offsets[1:], 0)
    offsets = words.offsets + np.arange(len(words.offsets))
    text_of = np.repeat(texts, words.counts + 1)
    reach = np.concatenate([[0], np.cumsum(lengths)])  # characters before each word
    total = np.maximum(reach[offsets[1:]] - reach[offsets[:-1]], 1)
    fractions: dict[str, Scores] = {}
    # The text's number goes into the first hashes, so that n-grams of different texts never meet. An n-gram can only occur twice if the one
    # that is a word shorter does, so the positions to look at become few within two or three sizes.
    at = np.arange(max(len(hashes) - 1, 0))
    grams = mixed(hashes[:-1] + text_of[:-1].astype(np.uint64))
    for size in range(2, DUPLICATE_SIZES[-1] + 1):
        groups = groups_of(combined(grams, hashes[at + size - 1]))
        occurrences = np.bincount(groups)
        repeated = (occurrences > 1)[groups]
        at, groups = at[repeated], groups[repeated]
        grams = groups.astype(np.uint64)
        fresh = np.ones(len(groups), np.bool_)  # the first of its group: the groups are numbered as they come
        highest = np.maximum.accumulate(groups)
        fresh[1:] = highest[1:] != highest[:-1]
        if size in TOP_SIZES:
            heads = at[fresh]
            fractions[f"top_{size}gram"] = _top(heads, occurrences[occurrences > 1], reach[heads + size] - reach[heads], text_of, total)
        if size in DUPLICATE_SIZES:
            fractions[f"duplicate_{size}grams"] = _covered(at[~fresh], size, lengths, offsets) / total
    return fractions


def _top(heads: Integers, occurrences: Integers, lengths: Integers, text_of: Integers, total: Integers) -> Scores:
    # The most frequent n-gram, of several the longest: both in one number, so that one maximum finds it.
    best = np.zeros(len(total), np.int64)
    np.maximum.at(best, text_of[heads], (occurrences << 32) | lengths)
    return np.minimum((best >> 32) * (best & 0xFFFFFFFF) / total, 1.0)


def _covered(repeats: Integers, size: int, lengths: Integers, offsets: Integers) -> Integers:
    """Characters of each text in n-grams of this size that begin at these positions."""
    if not len(repeats):
        return np.zeros(len(offsets) - 1, np.int64)
    begins = np.zeros(len(lengths) + size, np.int32)
    begins[repeats + size] = 1
    so_far = np.cumsum(begins, dtype=np.int32)
    covered = so_far[size:] > so_far[:-size]  # one begins here or at one of the words before that it takes in
    running: Integers = np.concatenate([[0], np.cumsum(lengths * covered)])
    return running[offsets[1:]] - running[offsets[:-1]]


def _by_parts(batch: JudgeBatch) -> dict[str, Scores]:
    names = ("duplicate_lines", "duplicate_line_characters", "duplicate_paragraphs", "duplicate_paragraph_characters")
    values = np.zeros((4, len(batch)))
    for row, text in enumerate(batch.texts):
        if text and "\n" in text:
            values[:2, row] = _duplicates(text.split("\n"))
            if "\n\n" in text or "\n " in text or "\n\t" in text:
                values[2:, row] = _duplicates(_PARAGRAPH.split(text))
    return dict(zip(names, values, strict=True))


def _duplicates(parts: list[str]) -> tuple[float, float]:
    """Shares of the parts, and of their characters, that repeat an earlier part."""
    parts = [part for part in map(str.strip, parts) if part]
    distinct = set(parts)
    if len(distinct) == len(parts):
        return 0.0, 0.0
    characters = sum(map(len, parts))
    return 1 - len(distinct) / len(parts), 1 - sum(map(len, distinct)) / characters


def _compression(batch: JudgeBatch) -> Scores:
    ratios = np.full(len(batch), np.nan)
    for row, text in enumerate(batch.texts):
        if text:
            data = text.encode("utf-8", "surrogatepass")
            ratios[row] = len(data) / len(zlib.compress(data, 1))
    return ratios
