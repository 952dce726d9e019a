"""What recipes are called in a run, and which patterns fit them."""

from __future__ import annotations

from fnmatch import fnmatchcase

ORIGINAL = "document"
"""Stands for the recipe and the step of a text that nobody rewrote, in settings and rows."""

_NAMED = "@"


def own_name(recipe: str, name: str | None) -> str:
    """What a recipe is called where its entry in a run has a name of its own.

    >>> own_name("wrap/qa", "short")
    'wrap/qa@short'
    """
    return f"{recipe}{_NAMED}{name}" if name else recipe


def fits(recipe: str, pattern: str) -> bool:
    """Whether a name or pattern is one of this recipe: one of `wrap/qa` is also one of `wrap/qa@short`."""
    return fnmatchcase(recipe, pattern) or fnmatchcase(recipe.partition(_NAMED)[0], pattern)
