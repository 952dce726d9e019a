"""A path over documents, and how paths are found: what rows hold and recipes ask for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PathSettings:
    """How paths over the documents of a corpus are found; see `rephrase.recipes.graph.search`."""

    hops: tuple[int, ...]
    """Documents of a path: 2, 3, or both by turns."""
    paths: int
    """Of a document, at most."""
    passage_tokens: int
    """Of the passage of each document."""
    most_documents: int
    """That a name may stand in; above, it joins nothing."""
    names: int
    """Of a document, at most."""
    entities: str | None
    """Key of the metadata that lists a document's names; None: capitalised words are names."""
    seed: int

    def describe(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Hop:
    """A passage of a document on a path. `start` and `end` are characters of the document's text."""

    document_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Path:
    """Passages of different documents in order, each of which holds the name that joins it to the next."""

    hops: tuple[Hop, ...]
    bridges: tuple[str, ...]
    """The names, in their normal form: one less than hops."""
    owner: int
    """Which hop is the passage of the row's own document."""
