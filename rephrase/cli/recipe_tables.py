"""What `rephrase recipes` prints: a list of recipes, or the prompts, options and source of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rephrase.cli.console import shortened
from rephrase.cli.help import filled
from rephrase.errors import UserError
from rephrase.live.plain_console import PlainConsole
from rephrase.recipes.base import Recipe, Step
from rephrase.recipes.catalogue import catalogue, options_of, recipes_named
from rephrase.recipes.lookup import nearest_recipe
from rephrase.recipes.template import TemplateStep
from rephrase.settings.nearest import nearest

_CHARACTERS = 4000  # of a prompt or a text on the screen
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
        steps_by_name = _without_repeats(recipe.steps)
        steps = "\n".join(f"{name}: {_load(recipe, step)}" for name, step in steps_by_name.items())
        tokens = "\n".join(f"{step.output_tokens:,}" if step.output_tokens > 1 else "0" for step in steps_by_name.values())
        table.add_row(recipe.name, recipe.summary, steps, tokens, recipe.paper.url.removeprefix("https://"))
    console.print(table)


def _in_lines(recipe: Recipe) -> str:
    """What the table says of a recipe, where it has no room."""
    lines = [filled(recipe.summary, "    ")]
    for name, step in _without_repeats(recipe.steps).items():
        most = f"; at most {step.output_tokens:,} tokens each" if step.output_tokens > 1 else ""
        lines.append(filled(f"{name}: {_load(recipe, step)}{most}", "    ", "        "))
    paper = [f"    {recipe.paper.url}"] if recipe.paper.url else []
    return "\n".join([recipe.name, *lines, *paper])


def _load(recipe: Recipe, step: Step) -> str:
    return step.load.replace("document", "row") if recipe.rows is not None else step.load


def show(name: str) -> None:
    """A recipe's prompts, parameters and source. `name` is one of the catalogue or a recipe file. Raises `UserError`."""
    console = PlainConsole()
    for recipe in recipes_named(name):
        facts = [f"paper     {recipe.paper.title}", f"          {recipe.paper.url}"] if recipe.paper.title else []
        if recipe.rows is not None:
            facts.append("rows      of its own; no documents are needed")
        if options := options_of(recipe.name):
            facts.append("options   " + "\n          ".join(f"{key}: {shortened(value, _CHARACTERS)}" for key, value in options.items()))
        console.print(Panel(Text("\n".join([recipe.summary, "", *facts])), title=recipe.name, title_align="left"))
        for label, step in _without_repeats(recipe.steps).items():
            console.print(Panel(_text_of(step), title=f"{recipe.name}, step {label}", title_align="left", border_style="blue"))


def _without_repeats(steps: Sequence[Step]) -> dict[str, Step]:
    """Steps by name; those that differ only by the number of their round once, as `round0 to 3`."""
    rounds: dict[str, list[Step]] = {}
    for step in steps:
        rounds.setdefault(step.name.rstrip("0123456789"), []).append(step)
    return {f"{same[0].name} to {len(same) - 1}" if len(same) > 1 else same[0].name: same[0] for same in rounds.values()}


def _text_of(step: Step) -> Text:
    if isinstance(step, TemplateStep):
        parts = [f"[system]\n{step.system}\n"] if step.system else []
        parts += [f"[example]\n{question}\n→ {answer}\n" for question, answer in step.examples]
        parts.append(f"[prompt]\n{step.prompt}\n")
        settings: dict[str, Any] = {
            "sampling": {k: v for k, v in step.sampling.fields().items() if v is not None},
            "parser": {step.parser: step.parser_settings},
        }
        optional: dict[str, Any] = {"text": step.text, "keep": dict(step.keep), "choose": dict(step.choose), "retries": step.retries}
        settings |= {key: value for key, value in optional.items() if value}
        parts.append("\n".join(f"{key}: {orjson.dumps(value).decode()}" for key, value in settings.items()))
        return Text(f"{step.load}\n\n" + "\n".join(parts))
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes prompts as they are, line by line."""

    def as_block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, as_block)
    description = orjson.loads(orjson.dumps(step.describe(), default=str))
    return Text(f"{step.load}\n\n" + yaml.dump(description, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=160))
