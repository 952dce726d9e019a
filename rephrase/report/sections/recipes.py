"""What each recipe made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rephrase.records import KEEP
from rephrase.report.charts import bars, spread
from rephrase.report.page import Part, Section
from rephrase.report.sections.cost import costs
from rephrase.report.wording import NOTHING, count, large, percent, short_number

if TYPE_CHECKING:
    from markupsafe import Markup

    from rephrase.report.cost import Cost
    from rephrase.report.figures import RecipeFigures, RunFigures
    from rephrase.report.rows import Measured

_FEWEST = 5  # rows of which a chart of how they are spread still tells something
_SCORES = 12  # charts of scores that are shown
_OF_A_CHECK = 3  # of them: the measures of one check often go together


def by_recipe(figures: RunFigures, measured: Measured, cost: Cost) -> Section:
    """What each recipe made, what became of it, and what that took."""
    if not figures.recipes:
        return Section("recipes", "Recipes", "By recipe", [Part(says="No data, because nothing was rewritten yet.")])
    columns = (
        "recipe",
        "#passages",
        "#generations",
        "#kept",
        "#keep-rate",
        "#tokens written",
        "#tokens kept",
        "#written per kept",
        "rejected most by",
    )
    rows = [_recipe_row(recipe) for recipe in figures.recipes]
    total = _recipe_row(figures.total) if len(rows) > 1 else None
    parts = [Part(columns=columns, rows=rows, total=total)]
    verdicts = {recipe.name: {KEEP: recipe.kept, **recipe.rejected} for recipe in figures.recipes if recipe.judged}
    parts.append(
        Part("Verdicts", charts=[("The first check that rejects a row gives its verdict.", bars.verdicts(verdicts))])
        if verdicts
        else Part("Verdicts", says="No data, because nothing was judged yet.")
    )
    return Section("recipes", "Recipes", "By recipe", [*parts, costs(figures, cost), *_lengths(measured), _scores(measured)])


def _recipe_row(recipe: RecipeFigures) -> tuple[str, ...]:
    most = ", ".join(f"{name}\u00a0{count(number)}" for name, number in list(recipe.rejected.items())[:3])
    return (
        recipe.name,
        count(recipe.passages),
        count(recipe.generations),
        count(recipe.kept),
        percent(recipe.keep_rate),
        large(recipe.completion_tokens),
        large(recipe.kept_tokens),
        short_number(recipe.written_per_kept),
        most or NOTHING,
    )


def _lengths(measured: Measured) -> Iterator[Part]:
    passages, texts = measured.of(measured.passage_characters), measured.of(measured.text_characters, kept=True)
    if len(texts) < _FEWEST:
        yield Part("Lengths", says="No data, because fewer than five rewrites were kept.")
        return
    groups = {"passages": passages, "kept rewrites": texts}
    yield Part(
        "Lengths",
        charts=[
            (
                f"Share of rows; those above the 99.5th percentile fall into the last bar. Of {count(len(measured.kept))} rows.",
                spread.histogram(groups, "characters"),
            )
        ],
    )
    ratios = {}
    for recipe in sorted(set(measured.recipe)):
        spans, own = (measured.of(column, recipe, kept=True) for column in (measured.passage_characters, measured.text_characters))
        if len(own) >= _FEWEST and len(own) == len(spans) and spans.min() > 0:
            ratios[recipe] = own / spans
    if ratios:
        caption = (
            "Bar: the middle half of kept rewrites; line: all but a tenth at each end; mark: the median. Dashed: as long as the passage."
        )
        yield Part("Length of a rewrite ÷ its passage", charts=[(caption, spread.intervals(ratios, "characters ÷ characters", at=1.0))])


def _scores(measured: Measured) -> Part:
    drawn: list[tuple[str, Markup]] = []
    for name in _telling(measured)[:_SCORES]:
        groups = {key: measured.of(measured.scores[name], kept=keep) for key, keep in (("kept", True), ("rejected", False))}
        groups = {key: numbers for key, numbers in groups.items() if len(numbers)}
        drawn.append((name, spread.histogram(groups, "", width=240, height=70, top=99)))
    if not drawn:
        return Part("Scores", says="No data, because no score of this run differs between rows.")
    says = (
        f"Green: kept rows; red: rejected ones, by any check; each as shares of their own. {count(len(measured.kept))} rows, drawn evenly."
    )
    return Part("Scores", says=says, charts=drawn)


def _telling(measured: Measured) -> list[str]:
    """Names of scores that differ between rows, those first that set kept rows apart from rejected ones."""
    apart: dict[str, float] = {}
    for name, column in measured.scores.items():
        kept, rejected = (measured.of(column, kept=keep) for keep in (True, False))
        both = np.concatenate([kept, rejected])
        if len(both) >= _FEWEST and (spread := float(both.std())) > 0 and len(np.unique(both)) > 2:
            apart[name] = abs(float(kept.mean()) - float(rejected.mean())) / spread if len(kept) and len(rejected) else 0.0
    ranked = sorted(apart, key=lambda name: -apart[name])
    checks = [name.split(".")[0] for name in ranked]
    return [name for place, name in enumerate(ranked) if checks[:place].count(checks[place]) < _OF_A_CHECK]
