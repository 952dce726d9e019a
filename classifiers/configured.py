"""Checks as a config lists them: a name, or a name with settings, which may differ by recipe."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from pydantic import ValidationError

from classifiers.batch import Check
from classifiers.checks import checks
from rephrase.recipes.naming import fits
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.settings.bounds import crossed
from rephrase.settings.faults import fault
from rephrase.settings.section import MERGED, Section
from rephrase.settings.validation import nested
from rephrase.settings.yaml_text import Place, parse_yaml

Settings = dict[str, Any]
VERDICTS = ("", KEEP, INTERMEDIATE)
"""No check can be called so."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings of one check from one place: the defaults, or the user's config."""

    base: Settings
    recipes: dict[str, Settings]
    """By name or pattern of the recipes for which they replace others."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Of the defaults alone: where they come from, or why there is no bound, by pattern; those of all recipes at ""."""

    def for_recipe(self, recipe: str) -> Settings:
        """The settings for one recipe; of several patterns that fit, later ones win."""
        merged = dict(self.base)
        for pattern, settings in self.recipes.items():
            if fits(recipe, pattern):
                merged |= settings
        return merged


@dataclass(frozen=True, slots=True)
class ConfiguredCheck:
    """A check of a config: a name of its own, a kind, and its settings. Picklable: executors import the module of its class."""

    name: str
    use: str
    kind: type[Check]
    given: Layer
    """What the config says."""
    place: Place = ()
    """Below the list of checks that names it."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All its settings; later layers win."""
        default = defaults().get(self.use)
        return (default, self.given) if default else (self.given,)

    def make(self, recipe: str) -> Check:
        """The check with its settings for rows of this recipe. Raises `UserError` for what its class alone can tell, such as a model."""
        return self.kind(self.name, self.settings_for(recipe))

    def settings_for(self, recipe: str) -> Section:
        """Its settings for rows of this recipe. Bounds of several layers may be crossed: see `refuse_crossed`."""
        settings: Settings = {}
        for layer in self.layers:
            settings |= layer.for_recipe(recipe)
        return self.kind.Settings.model_validate(settings, context=MERGED)

    def place_of(self, key: Place, recipe: str) -> Place | None:
        """Where the config sets what holds for a recipe, below the list of checks; None for a default."""
        return self._written(key, [pattern for pattern in self.given.recipes if fits(recipe, pattern)])

    def _written(self, key: Place, patterns: Sequence[str]) -> Place | None:
        last = next((pattern for pattern in reversed(patterns) if key[0] in self.given.recipes[pattern]), None)
        if last is not None:
            return (*self.place, "recipes", last, *key)
        return (*self.place, *key) if key[0] in self.given.base else None

    def patterns(self) -> list[str]:
        """Names and patterns of recipes that have settings of their own."""
        return list(dict.fromkeys(pattern for layer in self.layers for pattern in layer.recipes))

    def sections(self, context: Any = None) -> Iterator[tuple[Place, Section]]:
        """What the config sets as objects of their class, for all recipes and for each pattern, and where it stands below its name.

        Raises pydantic's `ValidationError`, with a place below the check's, for the first setting that is wrong.
        """
        yield (), self._section((), context)
        for pattern in self.given.recipes:
            yield ("recipes", pattern), self._section((pattern,), context)

    def _section(self, patterns: tuple[str, ...], context: Any) -> Section:
        settings = dict(self.given.base)
        for pattern in patterns:
            settings |= self.given.recipes[pattern]
        try:
            section = self.kind.Settings.model_validate(settings, context={**(context or {}), **MERGED})
        except ValidationError as failure:
            cure = f"`rephrase config checks.{self.use}` explains the keys"
            below = ("recipes", *patterns) if patterns else ()
            raise nested(failure, self.kind.Settings, (*self.place, *below), cure) from None
        if bounds := crossed(section.__dict__):
            place = max(self._written(bounds.high, patterns) or (), self._written(bounds.low, patterns) or (), key=len)
            of_recipes = f"for `{patterns[0]}` " if patterns else ""
            raise fault(of_recipes + bounds.what, "swap them, or leave one of them out", place or self.place)
        return section

    def as_data(self) -> str | dict[str, Settings]:
        """As the config has it, with absolute paths."""
        use = {} if self.use == self.name else {"use": self.use}
        recipes = {"recipes": self.given.recipes} if self.given.recipes else {}
        settings = {**use, **self.given.base, **recipes}
        return {self.name: settings} if settings else self.name


@functools.cache
def defaults() -> dict[str, Layer]:
    """The settings of defaults.yaml, by check, in the order of the default checks."""
    data = parse_yaml(resources.files(__package__).joinpath("defaults.yaml").read_text("utf-8"), "defaults.yaml")
    return {name: _with_reasons(_layer(settings, ())) for _, name, settings in _items(data["checks"])}


def _with_reasons(layer: Layer) -> Layer:
    """The layer with its keys `why` apart: they are no settings, and a pattern that has no other key changes none."""
    stated = {"": layer.base, **layer.recipes}
    settings = {pattern: {key: value for key, value in keys.items() if key != "why"} for pattern, keys in stated.items()}
    reasons = {pattern: " ".join(keys["why"].split()) for pattern, keys in stated.items() if "why" in keys}
    return Layer(settings.pop(""), {pattern: keys for pattern, keys in settings.items() if keys}, reasons)


def configured(value: Any, context: Any = None) -> tuple[ConfiguredCheck, ...]:
    """The checks of a list. Raises pydantic's `ValidationError`, with the place in the list, for what is wrong with it.

    Relative paths among their settings are seen from the folder `base` of the context.
    """
    if not isinstance(value, list | tuple):
        raise fault("checks are a list", "for example checks: [finished, {length: {max_ratio: 3}}]", value=value)
    configured_checks: list[ConfiguredCheck] = []
    for place, name, settings in _items(value):
        use = settings.get("use", name)
        if not isinstance(use, str) or use not in checks:
            at = (*place, "use") if "use" in settings else place
            raise fault(f"unknown check `{use}`", checks.cure(use), at, use)
        if name in VERDICTS:
            cure = f"give it another name, with `use: {use}` in its settings"
            raise fault(f"a check cannot be called `{name}`: that is a verdict of rows which no check rejects", cure, place, name)
        if name in [check.name for check in configured_checks]:
            cure = f"give one of them another name, with `use: {use}` in its settings"
            raise fault(f"the check `{name}` is listed twice", cure, place, name)
        layer = _layer({key: value for key, value in settings.items() if key != "use"}, place)
        configured_checks.append(_resolved(ConfiguredCheck(name, use, checks.find(use), layer, place), context))
    return tuple(configured_checks)


def refuse_crossed(check: ConfiguredCheck, recipe: str, below: Place = ()) -> None:
    """Raise the `fault` of bounds between which no text of a recipe can be. One of them may be a default, which the config does not show.

    `below`: where the list of checks stands, seen from whoever raises it.
    """
    bounds = crossed(check.settings_for(recipe).__dict__)
    if bounds:
        high, low = (check.place_of(key, recipe) for key in (bounds.high, bounds.low))
        default = next((key[0] for key, place in ((bounds.high, high), (bounds.low, low)) if place is None), None)
        cure = f"`{default}` is a default: set it too, or null for none" if default else "swap them, or leave one of them out"
        raise fault(f"for `{recipe}` {bounds.what}", cure, (*below, *(high or low or check.place)))


def _items(listed: Any) -> Iterator[tuple[Place, str, Settings]]:
    """Place, name and settings of each check."""
    for number, item in enumerate(listed):
        if isinstance(item, ConfiguredCheck):
            item = item.as_data()  # noqa: PLW2901  # as it came
        if isinstance(item, str):
            yield (number, item), item, {}
            continue
        if not isinstance(item, dict):
            raise fault("a check is a name, or a name with its settings", "for example {length: {max_ratio: 3}}", (number,), item)
        for name, settings in item.items():
            first = next(iter(item))
            if name == "use":
                raise fault("a check is its name with its settings below it", f"write {{{settings}: {{…}}}}", (number, name), settings)
            if name not in checks and name != first and first in checks and name in {*checks.find(first).Settings.model_fields, "recipes"}:
                raise fault(f"`{name}` stands beside the check `{first}`, not below it", "indent it by two more spaces", (number, name))
            if not isinstance(settings, dict | None):
                raise fault(f"the settings of `{name}` are keys with values", "for example {length: {max_ratio: 3}}", (number, name))
            yield (number, name), name, settings or {}


def _layer(settings: Settings, place: Place) -> Layer:
    recipes = settings.get("recipes", {})
    wrong = () if not isinstance(recipes, dict) else next(((name,) for name, inner in recipes.items() if not isinstance(inner, dict)), None)
    if wrong is not None:
        cure = "for example recipes: {wrap/*: {max: 0.7}}"
        raise fault("`recipes` is a mapping of recipe names or patterns to settings", cure, (*place, "recipes", *wrong))
    return Layer({key: value for key, value in settings.items() if key != "recipes"}, recipes)


def _resolved(check: ConfiguredCheck, context: Any) -> ConfiguredCheck:
    """The check with its given settings as they are once validated: paths are absolute."""
    valid = {place[1:]: section.model_dump(mode="json", exclude_unset=True) for place, section in check.sections(context)}
    base = {key: valid[()][key] for key in check.given.base}
    recipes = {pattern: {key: valid[pattern,][key] for key in settings} for pattern, settings in check.given.recipes.items()}
    return ConfiguredCheck(check.name, check.use, check.kind, Layer(base, recipes), check.place)
