"""Recipes that no document fits, and why: what their `when` asks for beside what the documents have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rephrase.recipes.base import Recipe
from rephrase.recipes.condition import Condition
from rephrase.records import Document

_MOST_NAMED = 5  # values of a kind in a message


@dataclass
class Fitting:
    """Looks at documents one after the other until each recipe has one that fits."""

    unfit: dict[str, Condition]
    """The recipes that no document has fitted so far, by name. Those that make rows for themselves, or take all, are none."""
    documents: int = 0
    _languages: Counter[str] = field(default_factory=Counter)
    _sources: Counter[str] = field(default_factory=Counter)
    _scores: Counter[str] = field(default_factory=Counter)
    _labels: dict[str, Counter[str]] = field(default_factory=dict)
    _tokens: tuple[float, float] = (math.inf, 0)

    @classmethod
    def of(cls, recipes: Sequence[Recipe]) -> Fitting:
        """Of these recipes, before any document."""
        return cls({recipe.name: recipe.when for recipe in recipes if recipe.when is not None and recipe.rows is None})

    def look(self, document: Document) -> None:
        """Take a document into account; its text is not looked at."""
        self.documents += 1
        self._languages[document.language or "none"] += 1
        self._sources[document.source or "none"] += 1
        self._scores.update(document.metadata.keys())
        for when in self.unfit.values():
            for name, _ in when.labels:
                self._labels.setdefault(name, Counter())[document.labels.get(name, "none")] += 1
        self._tokens = (min(self._tokens[0], document.n_tokens), max(self._tokens[1], document.n_tokens))
        for name in [name for name, when in self.unfit.items() if when.accepts(document)]:
            del self.unfit[name]

    def reasons(self) -> list[str]:
        """A line for each recipe that none of the documents fits; none where there is no document."""
        return [self._reason(name, when) for name, when in self.unfit.items()] if self.documents else []

    def _reason(self, name: str, when: Condition) -> str:
        asked, there = [], []
        if when.languages:
            asked.append(f"languages: {', '.join(when.languages)}")
            there.append(f"languages {_most_common(self._languages)}")
        if when.sources:
            asked.append(f"sources: {', '.join(when.sources)}")
            there.append(f"sources {_most_common(self._sources)}")
        if when.min_tokens or when.max_tokens is not None:
            asked.append(f"tokens: {when.min_tokens} to {'any number' if when.max_tokens is None else when.max_tokens}")
            there.append(f"{self._tokens[0]:g} to {self._tokens[1]:g} tokens")
        if when.scores:
            asked.append(f"scores: {', '.join(f'{key} {least:g} to {most:g}' for key, least, most in when.scores)}")
            there.append(f"metadata {_most_common(self._scores)}")
        for key, patterns in when.labels:
            asked.append(f"{key}: {', '.join(patterns)}")
            there.append(f"{key} {_most_common(self._labels.get(key, Counter()))}")
        ask, have = ", ".join(asked), ", ".join(there)
        return f"the recipe `{name}` takes none of {self.documents:,} documents: its `when` has {ask}; they have {have}"


def _most_common(counts: Counter[str]) -> str:
    named = [f"{value} ({count:,})" for value, count in counts.most_common(_MOST_NAMED)]
    return ", ".join([*named, "…"] if len(counts) > _MOST_NAMED else named) or "nothing"
