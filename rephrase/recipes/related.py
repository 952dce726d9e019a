"""What rows need beside their own documents, found among the documents at hand: in a run on a cluster, paths come from a table instead."""

from __future__ import annotations

from collections.abc import Sequence

from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.graph.search import with_paths
from rephrase.recipes.neighbours import with_neighbours
from rephrase.text.tokenizer import Tokenizer


def with_related(rows: Sequence[Row], recipe: Recipe, tokenizer: Tokenizer) -> Sequence[Row]:
    """The rows with the neighbours and the paths that a recipe asks for."""
    if recipe.neighbours:
        rows = with_neighbours(rows, recipe.neighbours)
    return with_paths(rows, recipe.paths, tokenizer) if recipe.paths is not None else rows
