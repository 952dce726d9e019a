"""What `rephrase recipes` prints: a list of recipes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from rephrase.cli.help import filled
from rephrase.errors import UserError
from rephrase.live.plain_console import PlainConsole
from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.catalogue import catalogue
from rephrase.recipes.lookup import nearest_recipe
from rephrase.settings.nearest import nearest

_TABLE = 170  # characters that the table of all recipes needs


def print_list(family: str | None = None) -> None:
    """All recipes by family: steps, prompts, most output tokens, paper. Raises `UserError` for a family that is not there."""
    every = catalogue()
    recipes = [recipe for recipe in every.values() if family in (None, recipe.family, recipe.name)]
    if not recipes:
        if family and "/" in family:
            raise UserError(f"there is no recipe `{family}`", where="recipes", cure=nearest_recipe(family))
        cure = nearest(family, dict.fromkeys(recipe.family for recipe in every.values()))
        raise UserError(f"there is no family `{family}`", where="recipes", cure=cure)
    console = PlainConsole()
    if console.width < _TABLE:
        for recipe in recipes:
            print(_in_lines(recipe))
        return
    table = Table(show_lines=False)
    for name in ("recipe", "what it writes", "steps: prompts", "tokens ≤", "paper"):
        table.add_column(name, no_wrap=name in ("recipe", "paper"), justify="right" if name == "tokens ≤" else "left")
    before = None
    for recipe in recipes:
        if before not in (None, recipe.family):
            table.add_section()
        before = recipe.family
        steps_by_name = without_repeats(recipe.steps)
        steps = "\n".join(f"{name}: {load_of(recipe, step)}" for name, step in steps_by_name.items())
        tokens = "\n".join(f"{step.output_tokens:,}" if step.output_tokens > 1 else "0" for step in steps_by_name.values())
        table.add_row(recipe.name, recipe.summary, steps, tokens, recipe.paper.url.removeprefix("https://"))
    console.print(table)


def _in_lines(recipe: Recipe) -> str:
    """What the table says of a recipe, where it has no room."""
    lines = [filled(recipe.summary, "    ")]
    for name, step in without_repeats(recipe.steps).items():
        most = f"; at most {step.output_tokens:,} tokens each" if step.output_tokens > 1 else ""
        lines.append(filled(f"{name}: {load_of(recipe, step)}{most}", "    ", "        "))
    paper = [f"    {recipe.paper.url}"] if recipe.paper.url else []
    return "\n".join([recipe.name, *lines, *paper])


def load_of(recipe: Recipe, step: Step) -> str:
    """How many prompts a step of a recipe has, in words."""
    return step.load.replace("document", "row") if recipe.rows is not None else step.load


def without_repeats(steps: Sequence[Step]) -> dict[str, Step]:
    """Steps by name; those that differ only by the number of their round once, as `round0 to 3`."""
    rounds: dict[str, list[Step]] = {}
    for step in steps:
        rounds.setdefault(step.name.rstrip("0123456789"), []).append(step)
    return {f"{same[0].name} to {len(same) - 1}" if len(same) > 1 else same[0].name: same[0] for same in rounds.values()}
