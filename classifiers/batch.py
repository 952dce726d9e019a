"""What checks get and give: a batch of rows to judge, and the scores with a decision for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifiers.words import Integers, Words, words_of

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class JudgeBatch:
    """Rows to judge. All lists are equally long; element i of each belongs to row i. ValueError where they are not."""

    texts: Sequence[str | None]
    """Parsed training texts; None after an error and for rows that only prepare later steps."""
    sources: Sequence[str]
    """The passages that the prompts showed. Rows may share one: give the same string then."""
    recipes: Sequence[str]
    steps: Sequence[str]
    finish_reasons: Sequence[str | None]
    """ "stop", "length", "error", or None where nobody knows."""
    errors: Sequence[str | None]
    """None, or the code of what went wrong ("parse:…", "prompt_too_long", "engine:…")."""
    completion_tokens: Sequence[int | None]
    """Tokens of the raw completion, by the engine's count."""
    languages: Sequence[str | None]
    """ISO codes of the documents' languages."""
    origins: Sequence[str | None]
    """Names of the sources of the documents, such as a crawl or a site; None where the input has none."""

    def __post_init__(self) -> None:
        sizes = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the columns of a batch differ in length: {sizes}")

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, indices: Sequence[int]) -> JudgeBatch:
        """The given rows as a batch of their own."""
        return JudgeBatch(*([column[i] for i in indices] for column in (getattr(self, f.name) for f in fields(self))))

    @cached_property
    def has_text(self) -> Flags:
        """Rows with something to judge."""
        return np.fromiter((bool(text) and not text.isspace() for text in self.texts), np.bool_, len(self))  # type: ignore[union-attr]

    @cached_property
    def words(self) -> Words:
        """The words of the texts; none for rows without a text. Made once, for all checks."""
        return words_of([text or "" for text in self.texts])

    @cached_property
    def source_words(self) -> tuple[Words, Integers]:
        """The words of the distinct sources, and the index among them of each row's source."""
        distinct: dict[str, int] = {}
        index = [distinct.setdefault(source, len(distinct)) for source in self.sources]
        return words_of(list(distinct)), np.array(index, np.int64)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. Arrays are as long as the batch."""

    scores: dict[str, Scores]
    """By the score's name; NaN where a row has no such score."""
    keep: Flags
    """False where the check rejects the row. A row whose score is NaN is not rejected."""


class Check(Protocol):
    """Scores the rows of a batch and decides on each. Picklable, and without memory of earlier batches."""

    @property
    def name(self) -> str:
        """The verdict of rows that it rejects, and the start of its scores' names."""
        ...

    def __call__(self, batch: JudgeBatch, /) -> CheckResult:
        """Score every row that has a text."""
        ...


def within(scores: Scores, low: float | None, high: float | None) -> Flags:
    """Where `low <= score <= high`; a None bound and a NaN score let a row pass."""
    keep = np.ones(len(scores), np.bool_)
    if low is not None:
        keep &= ~(scores < low)
    if high is not None:
        keep &= ~(scores > high)
    return keep
