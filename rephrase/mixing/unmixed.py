"""Recipes that are asked for and mixed nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rephrase.mixing.component import Component
    from rephrase.mixing.settings import Mix


def unmixed_notice(mix: Mix, recipes: Sequence[str]) -> str | None:
    """A sentence on the recipes whose generations no component of the mixture can take; None where there are none.

    Nothing is said of a mixture whose components do not go by recipe.
    """
    if not any(component.recipe for component in mix.selections):
        return None
    names = ", ".join(f"`{name}`" for name in recipes if not any(_takes(component, name) for component in mix.selections))
    return f"the generations of {names} go into no component of the mixture: `mix.components` names other recipes" if names else None


def _takes(component: Component, recipe: str) -> bool:
    return component.origin != "original" and (component.recipe is None or fnmatchcase(recipe, component.recipe))
