"""Which documents a recipe takes: the `when` of a recipe in a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rephrase.records import Document
from rephrase.text.languages import same_language


@dataclass(frozen=True)
class Condition:
    """Which documents a recipe takes: all that fit every part that is given."""

    min_tokens: int = 0
    max_tokens: int | None = None
    languages: tuple[str, ...] = ()  # in any spelling
    sources: tuple[str, ...] = ()  # names or patterns with wildcards
    scores: tuple[tuple[str, float, float], ...] = ()  # key of the metadata, least and greatest value; a document without it does not fit
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()  # name of a label, and its values or patterns; one without it does not fit

    def accepts(self, document: Document) -> bool:
        """Whether the document fits."""
        tokens = document.n_tokens
        if tokens < self.min_tokens or (self.max_tokens is not None and tokens > self.max_tokens):
            return False
        if self.languages and not any(same_language(language, document.language) for language in self.languages):
            return False
        if self.sources and not any(fnmatchcase(document.source or "", pattern) for pattern in self.sources):
            return False
        if not all(_fits(document.labels.get(name), patterns) for name, patterns in self.labels):
            return False
        return all(least <= _number(document.metadata.get(key)) <= greatest for key, least, greatest in self.scores)


def _fits(value: str | None, patterns: tuple[str, ...]) -> bool:
    return value is not None and any(value == pattern or fnmatchcase(value, pattern) for pattern in patterns)  # it may hold brackets


def _number(text: str | None) -> float:
    try:
        return float(text) if text is not None else math.nan  # which is never within bounds
    except ValueError:
        return math.nan
