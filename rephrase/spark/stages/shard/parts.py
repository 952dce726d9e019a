"""The parts of documents that are dropped where they stand elsewhere: whole lines, or runs of words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from typing_extensions import override

from classifiers.windows import window_keys, without_windows
from rephrase.text.paragraphs import paragraph_keys, without_lines

if TYPE_CHECKING:
    from rephrase.readers.settings import Input

Integers = npt.NDArray[np.int64]


class Parts(ABC):
    """One kind of parts."""

    @abstractmethod
    def keys(self, texts: Sequence[str]) -> tuple[pa.Array, Integers, Integers]:
        """The keys of all parts, the number of the text that each stands in, and its own number there."""

    @abstractmethod
    def without(self, text: str, numbers: set[int]) -> tuple[str | None, Mapping[str, int]]:
        """The text without the parts of these numbers, None where it goes, and what was cut by fields of `DocumentsNote`."""


def parts_of(config: Input) -> Parts | None:
    """What a config asks for; None where documents are dropped as a whole alone."""
    if config.dedup_substrings:
        return Runs(config.dedup_substrings, config.max_substrings)
    return Lines(config.min_paragraph_characters) if config.dedup_paragraphs else None


@dataclass(frozen=True, slots=True)
class Lines(Parts):
    """Lines of so many characters. A text goes if none is left: short lines alone may say the same as those of another page."""

    min_characters: int

    @override
    def keys(self, texts: Sequence[str]) -> tuple[pa.Array, Integers, Integers]:
        found = [(key, row, line) for row, text in enumerate(texts) for line, key in paragraph_keys(text, self.min_characters).items()]
        keys = pa.array([key for key, _, _ in found], pa.binary())
        return keys, np.array([row for _, row, _ in found], np.int64), np.array([line for _, _, line in found], np.int64)

    @override
    def without(self, text: str, numbers: set[int]) -> tuple[str | None, Mapping[str, int]]:
        left = without_lines(text, numbers)
        return left if paragraph_keys(left, self.min_characters) else None, {"paragraphs_dropped": len(numbers)}


@dataclass(frozen=True, slots=True)
class Runs(Parts):
    """Runs of so many words. A text goes if fewer words are left, or a larger share than `most` would be cut."""

    words: int
    most: float

    @override
    def keys(self, texts: Sequence[str]) -> tuple[pa.Array, Integers, Integers]:
        return window_keys(texts, self.words)

    @override
    def without(self, text: str, numbers: set[int]) -> tuple[str | None, Mapping[str, int]]:
        left, words, gone = without_windows(text, numbers, self.words)
        stays = words >= self.words and gone <= self.most * (words + gone)
        return left if stays else None, {"words_cut": gone if stays else 0}
