"""Batches for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from classifiers.batch import JudgeBatch

SOURCE = (
    "The lighthouse on the reef was first lit in 1698. Its builder had lost two ships to the rocks and swore to end the danger. "
    "Five years later the great storm carried away the tower and the man himself, who had gone out to repair the lamp. "
    "Later towers were built of oak, and then of granite blocks cut to fit into one another like joints of wood."
)
REWRITE = (
    "In 1698 a lamp began to shine from a tower on the reef. The man who built it wanted no more ships to be wrecked there, as two "
    "of his own had been. A terrible storm destroyed the building after five years, and he died in it during repairs. His successors "
    "chose oak for the next lighthouse; the ones that followed were of interlocking granite."
)


def batch(texts: Sequence[str | None], sources: Sequence[str] | str = SOURCE, recipe: str = "wrap/medium", **columns: Any) -> JudgeBatch:
    """A batch of these texts; what is not given is what a good row has."""
    size = len(texts)
    values = {
        "recipes": [recipe] * size,
        "steps": ["rewrite"] * size,
        "finish_reasons": ["stop"] * size,
        "errors": [None] * size,
        "completion_tokens": [100] * size,
        "languages": ["en"] * size,
        "origins": [None] * size,
        "fields": [None] * size,
        **columns,
    }
    return JudgeBatch(texts=texts, sources=[sources] * size if isinstance(sources, str) else sources, **values)
