"""What the default checks hold against the texts of each recipe, and why: defaults.yaml, as people ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifiers.configured import defaults
from rephrase.recipes.naming import fits


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a default check sets for the recipes of a name or pattern."""

    pattern: str
    """ "" stands for all recipes that no other pattern fits."""
    settings: dict[str, Any]
    """Those that differ from the check's for all recipes; of all recipes, those that defaults.yaml sets."""
    reason: str
    """The source of the values, or why the check does not apply."""


def bounds_of(check: str) -> list[Bounds]:
    """What is stated of a check, in the order in which later ones win; nothing of a check that does not run by default."""
    layer = defaults().get(check)
    if layer is None:
        return []
    settings = {"": layer.base, **layer.recipes}
    return [Bounds(pattern, settings.get(pattern, {}), reason) for pattern, reason in layer.reasons.items()]


def bounds_for(check: str, recipe: str) -> Bounds:
    """The last of them that fits a recipe, with all settings that are in force there."""
    *_, last = (bounds for bounds in bounds_of(check) if not bounds.pattern or fits(recipe, bounds.pattern))
    return Bounds(last.pattern, defaults()[check].for_recipe(recipe), last.reason)
