"""What a round of the rewrite stage works on, in words: for its first line and for Spark's UI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rephrase.generation.rounds import Round
from rephrase.live.words import counted
from rephrase.recipes.base import Recipe
from rephrase.spark.stages.rewrite.made import Numbers
from rephrase.spark.stages.rewrite.planned import Planned
from rephrase.spark.stages.rewrite.rows import Source

if TYPE_CHECKING:
    from rephrase.engines.settings import EngineSettings
    from rephrase.engines.several import Engines

_NAMED = 3  # recipes; more are counted


def about_round(
    recipes: Sequence[Recipe],
    steps: Round,
    sources: Sequence[Source],
    engines: Engines,
    *,
    some_dropped: bool,
) -> str:
    """Recipes, rows and their tokens, and the engines that are asked, as the end of a line.

    `some_dropped`: documents may be screened out or be duplicates, which the counts of their objects do not tell.
    """
    used = [source for source in sources if any(index in steps for index in source.recipes)]
    rows = sum(footer.note.documents for source in used for footer in source.footers)
    tokens = sum(footer.note.tokens for source in used for footer in source.footers)
    names = dict.fromkeys(engines.name(recipes[index].engine_of(recipes[index].steps[step])) for index, step in steps.items())
    asked = ", ".join(_asked(engines.by_name[name]) for name in names)
    less = ", less what is screened out or a duplicate" if some_dropped and any(recipes[index].rows is None for index in steps) else ""
    return f" of {recipes_in_words(list(steps), recipes)} over {counted(rows, 'row')} with {counted(tokens, 'token')}{less}, asks {asked}"


def _asked(settings: EngineSettings) -> str:
    model = settings.model_name.rstrip("/").rsplit("/", 1)[-1]
    starts = " that each executor starts, unless it runs" if settings.holds_devices else ""
    return f"{model} by an engine {settings.kind}{starts}"


def recipes_in_words(indexes: Sequence[int], recipes: Sequence[Recipe]) -> str:
    """Recipes by their indexes: their names, or how many there are."""
    names = [recipes[index].name for index in indexes]
    others = f" and {len(names) - _NAMED} more recipes" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + others


def jobs_in_words(numbers: Numbers, units: Planned, recipes: Sequence[Recipe]) -> str:
    """Recipes, steps and the range of the units of these numbers, as Spark's UI shows them."""
    asked = units.recipes_of(numbers)
    steps = ", ".join(dict.fromkeys(recipes[index].steps[units.steps[index]].name for index in asked))
    first, last = int(numbers[0]) + 1, int(numbers[-1]) + 1
    some = "" if last - first + 1 == len(numbers) else f"{len(numbers):,} of "
    return f"{recipes_in_words(asked, recipes)}; step {steps}; {some}units {first:,} to {last:,} of {len(units):,}"
