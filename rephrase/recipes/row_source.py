"""Rows of a recipe's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from rephrase.records import Document


class RowSource(ABC):
    """Where a recipe's rows come from if not from the documents of the run: personas, words, topics, a pool of tasks."""

    @property
    def packages(self) -> Mapping[str, str]:
        """Packages that these rows alone need, each with the extra of rephrase that brings it: `doctor` looks for them."""
        return {}

    @abstractmethod
    def documents(self) -> Iterator[Document]:
        """The rows, the same ones every time."""

    @abstractmethod
    def describe(self) -> Any:
        """All that the rows depend on, as JSON values."""

    def named(self, recipe: str) -> RowSource:
        """The rows of the same recipe under another name. Override it where rows depend on the name."""
        del recipe
        return self
