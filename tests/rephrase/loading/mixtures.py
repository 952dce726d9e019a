"""A mixture of two phases, over the inputs of the mix stage's tests."""

from __future__ import annotations

from typing import Any

from rephrase import storage
from rephrase.storage import tables

WIKI = {"source": "wiki", "origin": "original", "max_epochs": 3}
WRAP = {"recipe": "wrap/*", "min_scores": {"quality": 0.3}, "split_by": "source"}
REST = {"origin": "original"}
PHASES = [
    {"tokens": 250_000, "components": [{**WRAP, "share": 0.35}, {**WIKI, "share": 0.4}, {**REST, "share": 0.25}]},
    {"components": [{**WIKI, "tokens": 60_000}, {**WRAP, "tokens": 30_000}]},
]
SEEDS = (0, 7, 2026)


def mixture_of(output: str) -> list[dict[str, Any]]:
    """The rows of a mixture's files, in their order."""
    return tables.read_folder(storage.join(output, "mixture")).to_pylist()
