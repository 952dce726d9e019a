"""What kept tokens take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rephrase.live.words import span
from rephrase.report.charts import bars
from rephrase.report.page import Part
from rephrase.report.wording import large, percent, short_number

if TYPE_CHECKING:
    from rephrase.report.cost import Cost, RecipeCost
    from rephrase.report.figures import RunFigures

_TITLE = "Cost of kept tokens"
_HOUR, _DAY = 3600.0, 86400.0


def costs(figures: RunFigures, cost: Cost) -> Part:
    """GPU hours and money for a million kept tokens, by recipe, the dearest first."""
    known = sorted((one for one in cost.recipes if one.gpu_hours is not None), key=_dear, reverse=True)
    if not any(one.gpu_hours_per_million for one in known):
        reason = " ".join(f"`{model}`: {reason}." for model, reason in cost.elsewhere.items())
        why = reason or ("Nothing was kept yet." if figures.total.generations else "Nothing was rewritten yet.")
        return Part(_TITLE, says=f"Not told, because there are no GPU hours of kept tokens. {why}")
    columns = ["recipe", "#GPU hours", "#of all", "#tokens kept", "#GPU hours / M kept"]
    kept = {recipe.name: recipe.kept_tokens for recipe in figures.recipes}
    rows = [_row(one, kept[one.recipe], cost) for one in known]
    total = _row(cost.total, figures.total.kept_tokens, cost) if len(rows) > 1 and cost.total.gpu_hours is not None else None
    if cost.price is not None:
        columns.append("#money / M kept")
    says = f"The engines of this run were at work for {short_number(cost.gpu_hours)} GPU hours"
    says += "." if cost.price is None else f", which is {short_number(cost.money)} of money at {cost.price:g} a GPU hour."
    drawn = [(one.recipe, _dear(one), short_number(_dear(one))) for one in known if one.gpu_hours_per_million is not None]
    unit = "GPU hours" if cost.price is None else "money"
    chart = bars.bars(drawn, f"{unit} for a million kept tokens", color="var(--series-2)")
    return Part(_TITLE, says=says, charts=[("", chart)], columns=columns, rows=rows, total=total, notes=[*_notes(cost)])


def _dear(one: RecipeCost) -> float:
    """What a million kept tokens take, without an end where none was kept."""
    return math.inf if one.gpu_hours_per_million is None else one.money_per_million or one.gpu_hours_per_million


def _row(one: RecipeCost, kept_tokens: int, cost: Cost) -> list[str]:
    share = one.gpu_hours / cost.total.gpu_hours if one.gpu_hours is not None and cost.total.gpu_hours else None
    money = [short_number(one.money_per_million)] if cost.price is not None else []
    return [one.recipe, short_number(one.gpu_hours), percent(share), large(kept_tokens), short_number(one.gpu_hours_per_million), *money]


def _notes(cost: Cost) -> Iterator[str]:
    yield (
        "As `rephrase plan` reckons: each step's tokens by the rate at which its model wrote in this run, from when servers could answer, "
        "while they had units. Starts and waiting are told under Engines. A machine without a GPU counts as one."
    )
    if cost.price is None:
        yield "No price is given: `--price X` of a GPU hour tells money too."
    if cost.days_per_billion is not None and cost.gpus is not None:
        several = "s" if cost.gpus > 1 else ""
        yield f"A billion kept tokens more take {span(cost.days_per_billion * _DAY)} on {cost.gpus:,} GPU{several}, all of them at work."
    if cost.taken_over:
        yield f"{large(cost.taken_over)} tokens were taken over from earlier runs. They are counted as if this one had written them."
    for model, reason in cost.elsewhere.items():
        yield f"Not in it is what `{model}` wrote: {reason}."
