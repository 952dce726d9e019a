"""The catalogue: every recipe by its name, and the recipes that a run uses."""

from __future__ import annotations

import difflib
import fnmatch
import functools
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from rephrase import storage
from rephrase.errors import UserError
from rephrase.recipes import baseline, chunkwise, entigraph, instruct, preference, reasoning
from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.condition import Condition
from rephrase.recipes.family import read_family, style_options
from rephrase.recipes.sections import Flows, SamplingSection
from rephrase.recipes.template import TemplateStep
from rephrase.recipes.use import RecipeUse, When
from rephrase.settings.validation import validate

_FILES = (
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
    "instruction",
    "textbook",
    "tinystories",
    "persona",
    "label",
)
"""Recipe files, in the order of the list that users see."""

_FLOWS: Flows = {
    entigraph.NAME: (entigraph.Options, entigraph.build),
    **chunkwise.FLOWS,
    **instruct.FLOWS,
    **preference.FLOWS,
    **reasoning.FLOWS,
    **baseline.FLOWS,
}


_NEEDED = {"verified/command": {"command": "your-verifier"}}  # options without a default, as the list shows them


@functools.cache
def _text(name: str) -> str:
    return files("rephrase.recipes").joinpath(f"families/{name}.yaml").read_text(encoding="utf-8")


@functools.cache
def _options() -> dict[str, tuple[str, dict[str, Any]]]:
    """Each recipe of the shipped files: its file, and its options with their defaults."""
    return {recipe: (name, options) for name in _FILES for recipe, options in style_options(_text(name), f"{name}.yaml").items()}


@functools.cache
def _shipped() -> dict[str, Recipe]:
    return {name: recipe for file in _FILES for name, recipe in read_family(_text(file), f"{file}.yaml").items()}


def catalogue() -> dict[str, Recipe]:
    """All shipped recipes by name, with their default options."""
    flows = {name: build(options(**_NEEDED.get(name, {})), SamplingSection()) for name, (options, build) in _FLOWS.items()}
    return {**_shipped(), **flows}


def options_of(name: str) -> dict[str, Any]:
    """The options of a shipped recipe, with their defaults."""
    if name in _FLOWS:
        return _FLOWS[name][0]().model_dump()
    return dict(_options()[name][1]) if name in _options() else {}


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
    chosen = [_with_sampling(recipe, sampling) for recipe in _from_files(use, where, optional=bool(flows))]
    if use.document_first:
        changed = [replace(recipe, steps=tuple(_document_first(step) for step in recipe.steps)) for recipe in chosen]
        if flows or any(recipe.steps[0].prefix is None for recipe in changed):
            raise UserError("this recipe has no passage to begin with", where=where, cure="remove `document_first`")
        chosen = changed
    chosen += [build(validate(options, use.options, f"{where}, options"), sampling) for options, build in flows]
    if not chosen:
        known = sorted(catalogue())
        near = difflib.get_close_matches(use.use, known, n=1)
        raise UserError(
            f"there is no recipe `{use.use}`",
            where="recipes",
            cure=f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}",
        )
    return [replace(recipe, when=_condition(use.when)) for recipe in chosen] if use.when else chosen


def _from_files(use: RecipeUse, where: str, *, optional: bool) -> list[Recipe]:
    """The recipes of shipped files, or of the user's own, that fit a use, with its options. `optional`: options may be another recipe's."""
    if use.use.endswith((".yaml", ".yml")):
        try:
            text = storage.read(use.use).decode()
        except FileNotFoundError as error:
            raise UserError("there is no such recipe file", where=use.use, cure="check the path") from error
        except UnicodeDecodeError as error:
            raise UserError(f"the recipe file is no text in UTF-8: {error.reason}", where=use.use, cure="check the path") from error
        known = style_options(text, use.use) if use.options else {}
        _check_options(use, list(known.values()), where, optional=optional)
        return list(read_family(text, use.use, use.options).values())
    fitting = {name: found for name, found in _options().items() if fnmatch.fnmatchcase(name, use.use)}
    _check_options(use, [options for _, options in fitting.values()], where, optional=optional)
    if not use.options:
        return [_shipped()[name] for name in fitting]
    return [
        recipe
        for file in dict.fromkeys(file for file, _ in fitting.values())
        for recipe in read_family(_text(file), f"{file}.yaml", use.options, list(fitting)).values()
    ]


def _check_options(use: RecipeUse, known: Sequence[dict[str, Any]], where: str, *, optional: bool) -> None:
    names = sorted({name for options in known for name in options})
    for name in () if optional else use.options:
        if not names:
            raise UserError("this recipe has no options", where=where, cure="remove `options`; `sampling` may be changed")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            cure = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(names)}"
            raise UserError(f"unknown option `{name}`", where=where, cure=cure)


def _document_first(step: Step) -> Step:
    return step.document_first() if isinstance(step, TemplateStep) else step


def _with_sampling(recipe: Recipe, sampling: SamplingSection) -> Recipe:
    steps = tuple(replace(s, sampling=sampling.over(s.sampling)) if isinstance(s, TemplateStep) else s for s in recipe.steps)
    return replace(recipe, steps=steps)


def _condition(when: When) -> Condition:
    scores = tuple((name, bounds.min, bounds.max) for name, bounds in when.scores.items())
    return Condition(when.min_tokens, when.max_tokens, tuple(when.languages), tuple(when.sources), scores)
