"""The recipe files that are shipped, in the order of the list that users see."""

from __future__ import annotations

from rephrase.recipes.family import RecipeFile
from rephrase.recipes.registry import recipes

_FAMILIES = (
    "wrap",
    "mind",
    "nemotron",
    "finephrase",
    "rewire",
    "mga",
    "active_reading",
    "crossdoc",
    "prox",
    "style",
    "backtranslation",
    "domain_qa",
    "code_qa",
    "code",
    "math",
    "instruction",
    "textbook",
    "tinystories",
    "persona",
    "thinking",
    "label",
)

for _family in _FAMILIES:
    recipes.add(_family, RecipeFile(f"families/{_family}.yaml", package="rephrase.recipes"), f"{__name__}.{_family}")
