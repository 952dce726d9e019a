"""The catalogue: every recipe by its name, and the recipes that a run uses."""

from __future__ import annotations

import difflib
import fnmatch
import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from rephrase import storage
from rephrase.config import RecipeUse, Section, validate
from rephrase.errors import UserError
from rephrase.recipes import entigraph
from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.passagewise import PassageStep, SamplingSection, read_family

_FILES = ("wrap.yaml", "mind.yaml")
_FLOWS: dict[str, tuple[type[Section], Callable[[Any, SamplingSection], Recipe]]] = {entigraph.NAME: (entigraph.Options, entigraph.build)}


@functools.cache
def _shipped() -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for name in _FILES:
        recipes |= read_family(files("rephrase.recipes").joinpath(name).read_text(encoding="utf-8"), name)
    return recipes


def catalogue() -> dict[str, Recipe]:
    """All shipped recipes by name, with their default options."""
    flows = {name: build(options(), SamplingSection()) for name, (options, build) in _FLOWS.items()}
    return {**_shipped(), **flows}


def recipes_of(uses: Sequence[RecipeUse]) -> list[Recipe]:
    """The recipes that a run config names, in order. Raises `UserError` for unknown names, options and files, and for repeats."""
    found: list[Recipe] = []
    for use in uses:
        found += _find(use)
    names = [recipe.name for recipe in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"the recipe `{repeated[0]}` is named twice", where="recipes", cure="name each recipe once")
    return found


def _find(use: RecipeUse) -> list[Recipe]:
    where = f"recipe `{use.use}`"
    sampling: SamplingSection = validate(SamplingSection, use.sampling, f"{where}, sampling")
    flows = [flow for name, flow in _FLOWS.items() if use.use == name.split("/")[0] or fnmatch.fnmatchcase(name, use.use)]
    if use.options and not flows:
        raise UserError("this recipe has no options", where=where, cure="remove `options`; `sampling` may be changed")
    if use.use.endswith((".yaml", ".yml")):
        try:
            text = storage.read(use.use).decode()
        except FileNotFoundError as error:
            raise UserError("there is no such recipe file", where=use.use, cure="check the path") from error
        chosen = list(read_family(text, use.use).values())
    else:
        chosen = [recipe for name, recipe in _shipped().items() if fnmatch.fnmatchcase(name, use.use)]
    chosen = [_with_sampling(recipe, sampling) for recipe in chosen]
    if use.document_first:
        if flows:
            raise UserError("this recipe has no passage to begin with", where=where, cure="remove `document_first`")
        chosen = [replace(recipe, steps=tuple(_document_first(step) for step in recipe.steps)) for recipe in chosen]
    chosen += [build(validate(options, use.options, f"{where}, options"), sampling) for options, build in flows]
    if not chosen:
        known = sorted(catalogue())
        near = difflib.get_close_matches(use.use, known, n=1)
        raise UserError(
            f"there is no recipe `{use.use}`",
            where="recipes",
            cure=f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}",
        )
    return chosen


def _document_first(step: Step) -> Step:
    return step.document_first() if isinstance(step, PassageStep) else step


def _with_sampling(recipe: Recipe, sampling: SamplingSection) -> Recipe:
    steps = tuple(replace(s, sampling=sampling.over(s.sampling)) if isinstance(s, PassageStep) else s for s in recipe.steps)
    return replace(recipe, steps=steps)
