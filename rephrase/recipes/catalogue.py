"""The catalogue: every recipe by its name, and the recipes that a run uses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rephrase.errors import UserError
from rephrase.recipes.answer_language import in_language
from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.condition import Condition
from rephrase.recipes.lookup import matching, nearest_recipe
from rephrase.recipes.naming import own_name
from rephrase.recipes.parsers import FORMS
from rephrase.recipes.registry import Entry, recipes
from rephrase.recipes.sections import SamplingSection
from rephrase.recipes.single_steps import with_changed_steps
from rephrase.recipes.template import TemplateStep
from rephrase.recipes.use import RecipeUse, When
from rephrase.settings.validation import validate


def catalogue() -> dict[str, Recipe]:
    """All recipes by name, with their default options."""
    return {name: by_default(entry) for name, entry in _entries().items()}


def recipes_named(name: str) -> list[Recipe]:
    """The recipes of a name, a pattern or a recipe file, with their default options. Raises `UserError` where there is none."""
    return [by_default(entry) for entry in entries_named(name)]


def entries_named(name: str) -> list[Entry]:
    """The same as entries, before they are built."""
    entries = matching(name)
    if not entries:
        raise UserError(f"there is no recipe `{name}`", where="recipes", cure=nearest_recipe(name))
    return entries


def by_default(entry: Entry) -> Recipe:
    """The recipe of an entry with its default options."""
    return entry.build(validate(entry.options, entry.example, f"recipe `{entry.name}`"), SamplingSection())


def options_of(name: str) -> dict[str, Any]:
    """The options of a recipe of the catalogue, with their defaults; none for a recipe that is not there."""
    entry = _entries().get(name)
    return entry.defaults if entry else {}


def _entries() -> dict[str, Entry]:
    return {name: entry for _, source in recipes.items() for name, entry in source.entries().items()}


def recipes_of(uses: Sequence[RecipeUse]) -> list[Recipe]:
    """The recipes that a run config names, in order. Raises `UserError` for files that are not there or wrong, and for repeats."""
    chosen = [recipe for use in uses for recipe in _built(use)]
    names = [recipe.name for recipe in chosen]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        cure = "name it once, or give its entries names of their own: {use: …, name: short}"
        raise UserError(f"the recipe `{repeated[0]}` is named twice", where="recipes", cure=cure)
    return chosen


def find_recipes(recipe: str | Mapping[str, Any] | Recipe) -> list[Recipe]:
    """The recipes that a name or pattern of the catalogue stands for, or a mapping as under `recipes:` in a run.yaml.

    Raises `UserError` for names, options and files that are not there.

    >>> [recipe.name for recipe in find_recipes("wrap/*")]
    ['wrap/easy', 'wrap/medium', 'wrap/hard', 'wrap/qa']
    >>> [entigraph] = find_recipes({"use": "entigraph", "options": {"triples": 0.5}})
    >>> [step.name for step in entigraph.steps]
    ['entities', 'relations']
    """
    return [recipe] if isinstance(recipe, Recipe) else recipes_of([validate(RecipeUse, recipe, "recipe")])


def _built(use: RecipeUse) -> list[Recipe]:
    chosen = [entry.build(entry.own_options(use.options), use.sampling) for entry in matching(use.use)]
    if use.document_first:
        changed = [replace(recipe, steps=tuple(_document_first(step) for step in recipe.steps)) for recipe in chosen]
        if any(recipe.steps[0].prefix is None for recipe in changed):
            raise UserError("this recipe has no passage to begin with", where=f"recipe `{use.use}`", cure="remove `document_first`")
        chosen = changed
    if use.engine or use.steps:
        chosen = [with_changed_steps(recipe, use.engine, use.steps) for recipe in chosen]
    if use.structured:
        chosen = [_held_to_form(recipe, use.use) for recipe in chosen]
    if use.language:
        chosen = [in_language(recipe, use.language) for recipe in chosen]
    if use.name:
        chosen = [_named(recipe, own_name(recipe.name, use.name)) for recipe in chosen]
    return [replace(recipe, when=_condition(use.when)) for recipe in chosen] if use.when else chosen


def _named(recipe: Recipe, name: str) -> Recipe:
    return replace(recipe, name=name, rows=recipe.rows.named(name) if recipe.rows is not None else None)


def _document_first(step: Step) -> Step:
    return step.document_first() if isinstance(step, TemplateStep) else step


def _held_to_form(recipe: Recipe, use: str) -> Recipe:
    steps = tuple(step.held_to_form() for step in recipe.steps)
    if not any(step.structured for step in steps):
        what = f"no step of `{recipe.name}` has a parser that reads JSON"
        raise UserError(what, where=f"recipe `{use}`", cure=f"remove `structured`; such parsers are: {', '.join(FORMS)}")
    return replace(recipe, steps=steps)


def _condition(when: When) -> Condition:
    scores = tuple(
        (name, -math.inf if bounds.min is None else bounds.min, math.inf if bounds.max is None else bounds.max)
        for name, bounds in when.scores.items()
    )
    labels = tuple((name, tuple(patterns)) for name, patterns in when.labels.items())
    return Condition(when.min_tokens, when.max_tokens, tuple(when.languages), tuple(when.sources), scores, labels)
