"""The recipes that a name, a pattern or a file stands for."""

from __future__ import annotations

from fnmatch import fnmatchcase

from rephrase.recipes.family import RecipeFile
from rephrase.recipes.registry import Entry, Source, recipes
from rephrase.settings.validation import nearest

_WILDCARDS = frozenset("*?[")


def is_file(name: str) -> bool:
    """Whether what stands under `use` is a recipe file of the user's."""
    return name.endswith((".yaml", ".yml"))


def matching(name: str) -> list[Entry]:
    """The recipes of a name ("wrap/easy"), a pattern ("mind/*"), a family in Python ("entigraph") or a recipe file; none where none fits.

    Raises `UserError` for a file that is not there or wrong.
    """
    if is_file(name):
        return list(RecipeFile(name).entries().values())
    return [
        entry
        for key, source in recipes.items()
        if _may_hold(key, source, name)
        for full, entry in source.entries().items()
        if fnmatchcase(full, name) or full.split("/")[0] == name
    ]


def nearest_recipe(name: str) -> str:
    """What to write instead of a name that no recipe has."""
    return nearest(name, sorted(full for _, source in recipes.items() for full in source.entries()))


def _may_hold(key: str, source: Source, name: str) -> bool:
    """Whether a source can hold a recipe of this name or pattern: files that cannot are not read."""
    if isinstance(source, Entry):
        return True
    family, slash, _ = name.partition("/")
    return fnmatchcase(key, family) if slash else bool(_WILDCARDS.intersection(name))
