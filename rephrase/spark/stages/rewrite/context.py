"""The context of the run's engines: as long as the steps need that they answer, on the documents that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rephrase.engines.several import ALONE
from rephrase.generation.context import tokens_needed
from rephrase.recipes.base import Recipe
from rephrase.spark.stages.rewrite.rows import Source
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run

_ASKED = 512  # objects at most whose footers are read for their longest row


def with_sized_engines(run: Run, recipes: Sequence[Recipe], sources: Sequence[Source]) -> Run:
    """The run, with a context for each engine as long as its steps need, where that is known and the user has not set one.

    A server that has less memory than its model's whole context takes would not start.
    """
    engines, tokenizer = run.all_engines, Tokenizer.load(run.tokenizer)
    longest = {recipes[index].name: longest_row(source) for source in sources for index in source.recipes}
    sized = {}
    for name, settings in engines.by_name.items():
        steps = [(recipe, step) for recipe in recipes for step in recipe.steps if engines.name(recipe.engine_of(step)) == name]
        tokens = tokens_needed(steps, tokenizer, lambda recipe: longest[recipe.name])
        sized[name] = settings if tokens is None else settings.sized(tokens, run.tokenizer)
    return run.model_copy(update={"engines": sized} if engines.are_several else {"engine": sized[ALONE]})


def longest_row(source: Source) -> int | None:
    """The tokens of its longest row, by the run's tokenizer; None where they were not counted, or too many objects were to be asked."""
    paths = [footer.path for footer in source.footers]
    return (tables.largest(paths, "n_tokens") if len(paths) <= _ASKED else None) or None
