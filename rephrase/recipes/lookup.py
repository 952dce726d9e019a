"""The recipes that a name, a pattern or a file stands for."""

from __future__ import annotations

from fnmatch import fnmatchcase

from rephrase.errors import UserError
from rephrase.recipes.family import RecipeFile
from rephrase.recipes.registry import Entry, Source, recipes
from rephrase.settings.nearest import nearest

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
    entries: dict[str, Entry] = {}
    sources = list(recipes.items())
    has_file = any(key == name and not isinstance(source, Entry) for key, source in sources)  # its family is more than what is in Python
    for key, source in sources:
        for full, entry in source.entries().items() if _may_hold(key, source, name) else ():
            if fnmatchcase(full, name) or (full.split("/")[0] == name and not has_file):
                if full in entries:  # a family in a file, and a recipe in Python
                    cure = "give the recipe of the plugin another name"
                    raise UserError(f"two packages register the recipe `{full}`", where="plugins", cure=cure)
                entries[full] = entry
    return list(entries.values())


def nearest_recipe(name: str) -> str:
    """What to write instead of a name that no recipe has."""
    names = sorted(full for _, source in recipes.items() for full in source.entries())
    if any(full.startswith(f"{name}/") for full in names):
        return f"that is a family: `{name}/*` takes all of it, `{next(full for full in names if full.startswith(f'{name}/'))}` one"
    near = nearest(name, names)
    return near if near.startswith("did") else "`rephrase recipes` lists them"


def _may_hold(key: str, source: Source, name: str) -> bool:
    """Whether a source can hold a recipe of this name or pattern: files that cannot are not read."""
    if isinstance(source, Entry):
        return True
    family, slash, _ = name.partition("/")
    return fnmatchcase(key, family) if slash else bool(_WILDCARDS.intersection(name))
