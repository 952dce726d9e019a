"""Components that no text of a run can ever fill, as the config alone tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rephrase.errors import UserError
from rephrase.recipes.naming import fits
from rephrase.settings.nearest import nearest

if TYPE_CHECKING:
    from rephrase.mixing.settings import Component, Mix


def check_filled(mix: Mix, recipes: Sequence[str]) -> None:
    """Raise a `UserError` for a component that the texts of a run cannot fill, where the mixture would be refused for it.

    recipes: The names by which the generations of the run know theirs. Only what is certain is refused: sources, languages, licences and
    scores are known when texts are there.
    """
    if mix.skip_empty:
        return
    earlier: list[Component] = []
    for place, component in _components(mix):
        why = _why_empty(component, recipes, earlier)
        if why is not None:
            what, cure = why
            raise UserError(what, where=place, cure=f"{cure}, take the component out, or set mix.skip_empty: true")
        earlier.append(component)


def _components(mix: Mix) -> Iterator[tuple[str, Component]]:
    """The components by the keys under which they stand, each of several phases once."""
    named: set[str] = set()
    for place, component in mix.places:
        if component.name not in named:
            named.add(component.name)
            yield ".".join(map(str, ("mix", *place))), component


def _why_empty(component: Component, recipes: Sequence[str], earlier: Sequence[Component]) -> tuple[str, str] | None:
    """What is wrong with a component that stays empty, and the beginning of its cure; None where texts may fit it."""
    if component.recipe is None and component.origin != "synthetic":
        return None  # documents may fit it
    if component.origin == "original":
        return f"`{component.name}` asks for originals by a recipe, and originals have none", "take its origin or its recipe out"
    fitting = [name for name in recipes if fnmatchcase(name, component.recipe or "*")]
    if not fitting:
        what = f"no recipe of this run fits the component `{component.recipe}`, which would stay empty"
        return what, f"{_nearest(component.recipe or '*', recipes)} add such a recipe to `recipes`"
    alike = [other for other in earlier if other.stitched == component.stitched]
    takers = [next((other for other in alike if _takes_all(other, name)), None) for name in fitting]
    if all(takers):
        names = ", ".join(dict.fromkeys(f"`{taker.name}`" for taker in takers if taker))
        what = f"the component `{component.name}` would stay empty: a text belongs to the first that it fits, and {names} takes all of its"
        return what, "let it stand before that one"
    return None


def _nearest(pattern: str, recipes: Sequence[str]) -> str:
    named = next((name for name in recipes if fits(name, pattern)), None)  # an entry of this recipe with a name of its own
    if named is not None:
        return f"write `{named}`, as its entry has a name of its own,"
    near = nearest(pattern, recipes, "the run has")
    return f"{near} Else," if near.endswith("?") else f"{near};"


def _takes_all(component: Component, recipe: str) -> bool:
    """Whether a component takes whatever a recipe gives."""
    selects = (component.source, component.language, component.license, component.labels, component.min_scores, component.max_scores)
    return not any(selects) and component.origin != "original" and fnmatchcase(recipe, component.recipe or "*")
