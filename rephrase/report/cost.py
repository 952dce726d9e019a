"""What a run has spent on its kept tokens, in hours of GPUs and in money: by the notes of units, as `rephrase plan` reckons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rephrase.planning.rates import Rate, measured_rate, price_of
from rephrase.spark.stages.rewrite.spending import Spending

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.notes import GenerationsNote
    from rephrase.report.figures import RunFigures

_HOUR = 3600.0
_DAY = 24.0  # hours
BILLION = 1e9
"""Kept tokens for which days are told."""


@dataclass(frozen=True, slots=True)
class RecipeCost:
    """What a recipe's tokens take. All None where a model wrote some of them elsewhere, and where nothing was kept."""

    recipe: str
    gpu_hours: float | None
    """At this run's rates; completions that were taken over from earlier runs are counted as if this one had written them."""
    gpu_hours_per_million: float | None
    """Kept tokens."""
    money_per_million: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run has spent, and what its kept tokens take."""

    gpu_hours: float | None
    """Of GPUs whose servers could answer and had units; a machine without counts as one. None where no engine worked for this run."""
    price: float | None
    """Of a GPU hour."""
    gpus: int | None
    """That shall work at a time on more of the same."""
    recipes: tuple[RecipeCost, ...]
    total: RecipeCost
    elsewhere: dict[str, str]
    """Models without GPU hours, each with the reason."""
    taken_over: int
    """Tokens that earlier runs wrote."""

    @property
    def money(self) -> float | None:
        """That was spent."""
        return self.gpu_hours * self.price if self.gpu_hours is not None and self.price is not None else None

    @property
    def days_per_billion(self) -> float | None:
        """Days for a billion kept tokens on so many GPUs, all of them at work."""
        hours = self.total.gpu_hours_per_million
        return None if hours is None or self.gpus is None else hours * BILLION / 1e6 / _DAY / self.gpus

    def to_json(self) -> dict[str, Any]:
        """The figures, and what follows from them."""
        return {**asdict(self), "money": self.money, "days_per_billion": self.days_per_billion}


def cost_of(run: Run, figures: RunFigures, notes: Sequence[GenerationsNote], price: float | None = None, gpus: int | None = None) -> Cost:
    """The cost of a run by the notes of its units. `price`: of a GPU hour, by default that of the run's budget."""
    price = price_of(run, price)
    spending = Spending(run)
    for note in notes:
        spending.add(note)
    models = sorted({note.model for note in notes if note.completion_tokens})
    rates = {model: measured_rate(run, model, notes, "this run") for model in models}
    kept = {recipe.name: recipe.kept_tokens for recipe in figures.recipes}
    recipes = [_recipe_cost(name, tokens, [note for note in notes if note.recipe == name], rates, price) for name, tokens in kept.items()]
    return Cost(
        gpu_hours=spending.gpu_seconds / _HOUR if spending.gpu_seconds else None,
        price=price,
        gpus=gpus,
        recipes=tuple(recipes),
        total=_recipe_cost("all", sum(kept.values()), notes, rates, price),
        elsewhere={model or "a model without a name": _why_not(run, model) for model, rate in rates.items() if rate is None},
        taken_over=sum(note.reused_tokens for note in notes),
    )


def _recipe_cost(
    name: str, kept_tokens: int, notes: Sequence[GenerationsNote], rates: dict[str, Rate | None], price: float | None
) -> RecipeCost:
    hours = 0.0
    for note in notes:
        if note.completion_tokens:
            rate = rates[note.model]
            if rate is None:
                return RecipeCost(name, None, None, None)
            hours += note.completion_tokens / rate.tokens_per_second / _HOUR
    per_million = 1e6 * hours / kept_tokens if kept_tokens else None
    money = per_million * price if per_million is not None and price is not None else None
    return RecipeCost(name, hours, per_million, money)


def _why_not(run: Run, model: str) -> str:
    settings = next((one for one in run.all_engines.by_name.values() if one.model_name == model), None)
    if settings is None:
        return "the config names no engine of it any more"
    if settings.holds_devices:
        return "this run has no unit that its servers wrote, or an older version noted none of their time"
    return f"an engine of the kind `{settings.kind}` answered, which works on no GPU of this run: its price is its server's own"
