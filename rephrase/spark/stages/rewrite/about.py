"""What a round of the rewrite stage works on, in words: for its first line and for Spark's UI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rephrase.generation.rounds import Round
from rephrase.live.words import counted
from rephrase.recipes.base import Recipe
from rephrase.spark.runtime.units import Unit
from rephrase.spark.stages.rewrite.plan import RewriteUnit
from rephrase.spark.stages.rewrite.rows import Source

if TYPE_CHECKING:
    from rephrase.engines.settings import EngineSettings
    from rephrase.engines.several import Engines

_NAMED = 3  # recipes; more are counted


def about_round(
    units: Sequence[Unit[RewriteUnit]],
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
    return f" of {recipes_in_words(units, recipes)} over {counted(rows, 'row')} with {counted(tokens, 'token')}{less}, asks {asked}"


def _asked(settings: EngineSettings) -> str:
    model = settings.model_name.rstrip("/").rsplit("/", 1)[-1]
    starts = " that each executor starts, unless it runs" if settings.holds_devices else ""
    return f"{model} by an engine {settings.kind}{starts}"


def recipes_in_words(units: Sequence[Unit[RewriteUnit]], recipes: Sequence[Recipe]) -> str:
    """The recipes of some units: their names, or how many there are."""
    names = [recipes[index].name for index in dict.fromkeys(unit.payload.recipe for unit in units)]
    others = f" and {len(names) - _NAMED} more recipes" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + others


def jobs_in_words(todo: Sequence[Unit[RewriteUnit]], units: Sequence[Unit[RewriteUnit]], recipes: Sequence[Recipe]) -> str:
    """Recipes, steps and the range of the units that are to be made, as Spark's UI shows them."""
    steps = ", ".join(dict.fromkeys(recipes[unit.payload.recipe].steps[unit.payload.step].name for unit in todo))
    numbers = {unit.output: number for number, unit in enumerate(units, 1)}
    first, last = numbers[todo[0].output], numbers[todo[-1].output]
    some = "" if last - first + 1 == len(todo) else f"{len(todo):,} of "
    return f"{recipes_in_words(todo, recipes)}; step {steps}; {some}units {first:,} to {last:,} of {len(units):,}"
