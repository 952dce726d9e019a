"""Which mark an answer lacked that could not be read, by the settings of the step that asked for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from rephrase.errors import UserError
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.template import TemplateStep
from rephrase.recipes.use import RecipeUse

_MARKS = {"parse:no_marker": ("marked", "marker", "“{}”"), "parse:no_tag": ("tag", "name", "“<{}>”")}
"""By error: the parser that gives it, its setting, and how that stands in an answer."""


def with_marks(error: str, uses: Sequence[RecipeUse], asked: Iterable[tuple[str, str]]) -> str:
    """An error of a completion, with the marks that it means: `parse:no_marker (lacks “Article:”)`.

    Args:
        error: As `generations` has it.
        uses: The recipes of the run.
        asked: The recipes and steps that had the error, by name.

    """
    marks = ", ".join(dict.fromkeys(_marks(error, uses, set(asked)))) if error in _MARKS else ""
    return f"{error} (lacks {marks})" if marks else error


def _marks(error: str, uses: Sequence[RecipeUse], asked: set[tuple[str, str]]) -> Iterator[str]:
    parser, setting, form = _MARKS[error]
    with contextlib.suppress(UserError):  # a recipe file that is gone since
        for recipe in recipes_of(uses):
            for step in recipe.steps:
                if isinstance(step, TemplateStep) and step.parser == parser and (recipe.name, step.name) in asked:
                    yield form.format(step.parser_settings[setting])
