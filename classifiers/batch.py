"""What checks get and give: a batch of rows to judge, and the scores with a decision for each row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from classifiers.parts import text_part
from classifiers.words import Integers, Words, words_of
from rephrase.records import TEXT_LANGUAGE
from rephrase.settings.section import Section
from rephrase.text.languages import primary_language

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Need = Literal["completion", "passage"]
"""How a model ended a text, whether it was parsed and into which parts; the passage that the text was made from."""


@dataclass(frozen=True)
class JudgeBatch:
    """Rows to judge. All lists are equally long; element i of each belongs to row i. ValueError where they are not.

    >>> column = ["The sea rises."]
    >>> nothing = [None]
    >>> batch = JudgeBatch(column, column, ["mine"], ["write"], ["stop"], nothing, [4], ["en"], nothing, nothing)
    >>> len(batch), batch.has_text.tolist()
    (1, [True])
    """

    texts: Sequence[str | None]
    """Parsed training texts; None after an error and for rows that only prepare later steps."""
    sources: Sequence[str]
    """The passages that the prompts showed. Rows may share one: give the same string then."""
    recipes: Sequence[str]
    steps: Sequence[str]
    finish_reasons: Sequence[str | None]
    """ "stop", "length", "error", a server's own word, or None where nobody knows."""
    errors: Sequence[str | None]
    """None, or the code of what went wrong ("parse:…", "prompt_too_long", "engine:…")."""
    completion_tokens: Sequence[int | None]
    """Tokens of the raw completion, by the engine's count."""
    languages: Sequence[str | None]
    """The documents' languages, in any spelling that `rephrase.text.languages` knows."""
    origins: Sequence[str | None]
    """Names of the sources of the documents, such as a crawl or a site; None where the input has none."""
    fields: Sequence[str | None]
    """JSON objects of the parts of the texts, as recipes wrote them; None where there are none."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """The fixed text of the recipes' prompts, by recipe; not a column. What is missing is not looked for."""
    answers_in: Mapping[str, str] = field(default_factory=dict)
    """The languages that recipes write in, by recipe; not a column. Others write in that of the document."""

    def __post_init__(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in self._columns()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the columns of a batch differ in length: {sizes}")

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, indices: Sequence[int]) -> JudgeBatch:
        """The given rows as a batch of their own."""
        columns = {name: getattr(self, name) for name in self._columns()}
        picked = {name: [column[i] for i in indices] for name, column in columns.items()}
        return JudgeBatch(**picked, prompts=self.prompts, answers_in=self.answers_in)

    def _columns(self) -> list[str]:
        return [field.name for field in fields(self) if field.name not in ("prompts", "answers_in")]

    @cached_property
    def has_text(self) -> Flags:
        """Rows with something to judge."""
        return np.fromiter((bool(text) and not text.isspace() for text in self.texts), np.bool_, len(self))  # type: ignore[union-attr]

    @cached_property
    def expected_languages(self) -> list[str | None]:
        """The language that each text shall be in: what its recipe tells in its parts, or asks for, or the document's. None: unknown."""
        rows = zip(self.fields, self.recipes, self.languages, strict=True)
        return [text_part(parts, TEXT_LANGUAGE) or self.answers_in.get(recipe, language) for parts, recipe, language in rows]

    @cached_property
    def is_translated(self) -> Flags:
        """Rows whose text shall be in another language than their document, or in one where nobody knows the document's."""
        pairs = zip(self.expected_languages, self.languages, strict=True)
        return np.fromiter((primary_language(one) != primary_language(other) for one, other in pairs), np.bool_, len(self))

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


class Check(ABC):
    """Scores the rows of a batch and decides on each. Picklable, and without memory of earlier batches.

    What it decides follows from its scores and settings alone, so that kept scores can be judged again without the texts.
    Classes are made of a name and of settings of their class `Settings`, and registered in `classifiers.checks.checks`.

    >>> class ShoutedSettings(Section):
    ...     max: float = 0.5
    >>> class Shouted(Check):
    ...     Settings = ShoutedSettings
    ...
    ...     def score(self, batch):
    ...         return {self.name: np.array([float(text.isupper()) if text else np.nan for text in batch.texts])}
    ...
    ...     def decide(self, scores):
    ...         return within(scores[self.name], None, self.settings.max)
    >>> Shouted("shouted", ShoutedSettings()).decide({"shouted": np.array([0.0, 1.0, np.nan])}).tolist()
    [True, False, True]
    """

    name: str
    """The verdict of rows that it rejects, and the start of its scores' names."""
    settings: Any
    Settings: ClassVar[type[Section]]
    """The class of its settings."""
    scored_by: ClassVar[tuple[str, ...]] = ()
    """The settings that scores depend on; the others are bounds."""
    scheduling: ClassVar[tuple[str, ...]] = ()
    """The settings that change how fast it is and not what it gives: no part of what verdicts mean."""
    needs: ClassVar[tuple[Need, ...]] = ()
    """What rows must come with. The screen stage has neither for documents, and refuses checks that need one."""
    packages: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Packages that only this check imports, each with the extra of rephrase that brings it, or nothing: `doctor` looks for them."""

    def __init__(self, name: str, settings: Any) -> None:
        self.name, self.settings = name, settings

    def identity(self) -> dict[str, Any]:
        """What scores depend on beside the settings, as JSON values by a name each: a digest of the model, of the benchmarks.

        Stands beside the settings in what a stage notes of its checks. Raises `UserError` where it cannot be read.
        """
        return {}

    @abstractmethod
    def score(self, batch: JudgeBatch) -> dict[str, Scores]:
        """Scores of every row, by name; NaN where a row has no such score."""

    @abstractmethod
    def decide(self, scores: Mapping[str, Scores]) -> Flags:
        """Which rows to keep. A row is never rejected by a score that is NaN."""

    def keep(self, scores: Mapping[str, Scores], origins: Sequence[str | None]) -> Flags:
        """Which rows to keep, for checks whose bounds depend on the source of the document. `origins` are as in a batch."""
        del origins
        return self.decide(scores)

    def __call__(self, batch: JudgeBatch) -> CheckResult:
        """Score the batch and decide on its rows. An infinite score is the largest number, so that what is stored can be compared again."""
        scores = {name: np.nan_to_num(values, nan=np.nan) for name, values in self.score(batch).items()}
        return CheckResult(scores, self.keep(scores, batch.origins))


def within(scores: Scores, low: float | None, high: float | None) -> Flags:
    """Where `low <= score <= high`; a None bound and a NaN score let a row pass."""
    keep = np.ones(len(scores), np.bool_)
    if low is not None:
        keep &= ~(scores < low)
    if high is not None:
        keep &= ~(scores > high)
    return keep
