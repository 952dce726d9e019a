"""`rephrase recipes` and `rephrase preview`: what there is, what it says, and what it would ask of a model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rephrase.cli.label import documents_in
from rephrase.errors import UserError
from rephrase.generation.loop import generate
from rephrase.generation.rows import with_generations
from rephrase.generation.step_run import Task, generations_of
from rephrase.recipes.base import Prompt, Recipe, Row, Step
from rephrase.recipes.catalogue import catalogue, options_of, recipes_of
from rephrase.recipes.neighbours import with_neighbours
from rephrase.recipes.template import TemplateStep
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.engines.settings import EngineConfig

_CHARACTERS = 4000  # of a prompt or a text on the screen


def print_list(family: str | None = None) -> None:
    """All recipes by family: steps, prompts, most output tokens, paper. Raises `UserError` for a family that is not there."""
    recipes = [recipe for recipe in catalogue().values() if family in (None, recipe.family, recipe.name)]
    if not recipes:
        raise UserError(f"there is no family `{family}`", where="recipes", cure="`rephrase recipes` lists them")
    table = Table(show_lines=False)
    for name in ("recipe", "what it writes", "steps: prompts", "tokens ≤", "paper"):
        table.add_column(name, no_wrap=name in ("recipe", "paper"), justify="right" if name == "tokens ≤" else "left")
    before = None
    for recipe in recipes:
        if before not in (None, recipe.family):
            table.add_section()
        before = recipe.family
        shown = _without_repeats(recipe.steps)
        unit = "row" if recipe.rows is not None else "document"
        steps = "\n".join(f"{name}: {step.load.replace('document', unit)}" for name, step in shown.items())
        tokens = "\n".join(f"{step.output_tokens:,}" if step.output_tokens > 1 else "0" for step in shown.values())
        table.add_row(recipe.name, recipe.summary, steps, tokens, recipe.paper.url.removeprefix("https://"))
    _console().print(table)


def show(name: str) -> None:
    """A recipe's prompts, parameters and source. `name` is one of the catalogue or a recipe file. Raises `UserError`."""
    console = _console()
    for recipe in recipes_of([RecipeUse(use=name, options={"command": "your-verifier"} if name == "verified/command" else {})]):
        facts = [f"paper     {recipe.paper.title}", f"          {recipe.paper.url}"]
        if recipe.rows is not None:
            facts.append("rows      of its own; no documents are needed")
        if options := options_of(recipe.name):
            facts.append("options   " + "\n          ".join(f"{key}: {_short(value)}" for key, value in options.items()))
        console.print(Panel(Text("\n".join([recipe.summary, "", *facts])), title=recipe.name, title_align="left"))
        for label, step in _without_repeats(recipe.steps).items():
            console.print(Panel(_described(step), title=f"{recipe.name}, step {label}", title_align="left", border_style="blue"))


def preview(use: RecipeUse, *, documents: Sequence[Document], tokenizer: str, engine: EngineConfig | None = None, number: int = 3) -> None:
    """Print the exact prompts for the first `number` documents with their token counts; with an engine also what it makes of them."""
    counter = Tokenizer.load(tokenizer)
    console = _console()
    for recipe in recipes_of([use]):
        found = list(islice(recipe.rows.documents(), number)) if recipe.rows else list(documents)
        rows = [Row(document) for document in found]
        rows = (with_neighbours(rows, recipe.neighbours) if recipe.neighbours else rows)[:number]
        if not rows:
            raise UserError("there are no documents to preview", where=recipe.name, cure="name a file with documents by --input")
        if engine is None:
            for row in rows:
                for prompt in recipe.steps[0].prompts(row, counter):
                    console.print(_panel(recipe, recipe.steps[0], prompt, counter))
            if len(recipe.steps) > 1:
                console.print(f"further steps ({', '.join(step.name for step in recipe.steps[1:])}) need a model: give --model or --config")
        else:
            asyncio.run(_answered(recipe, rows, counter, engine, console))


async def _answered(recipe: Recipe, rows: list[Row], counter: Tokenizer, config: EngineConfig, console: Console) -> None:
    from rephrase.engines.factory import open_engine

    engine = open_engine(config)
    try:
        for step in recipe.steps:
            asked = [prompt for row in rows for prompt in step.prompts(row, counter)]
            table, tally = await generate(rows, Task(recipe, step, counter, engine.model), engine)
            made: dict[tuple[str, int, int, str], list[dict[str, Any]]] = {}
            for record in table.to_pylist():
                made.setdefault((record["document_id"], record["span_start"], record["span_end"], record["key"]), []).append(record)
            for row in rows:
                for prompt in step.prompts(row, counter):
                    answers = made.pop((row.document.id, *prompt.span, prompt.key), [])
                    console.print(_beside(_panel(recipe, step, prompt, counter), answers))
            for answers in made.values():  # what a step makes of several answers together
                console.print(_beside(Text(""), answers))
            console.print(
                f"{step.name}: {len(asked)} prompts, {tally.completion_tokens} tokens written, {tally.errors} rows with an error\n"
            )
            rows = with_generations(rows, step.name, table)
            assert generations_of(table) is not None
    finally:
        await engine.close()


def read_input(path: str, text_field: str = "text", also: Sequence[str] = (), limit: int = 50) -> list[Document]:
    """The first documents of a file or glob in any format that the shard stage reads, with the fields `also` as their metadata.

    Raises `UserError` if there are none.
    """
    return list(islice(documents_in([path], text_field, min_characters=0, also=also), limit))


def _without_repeats(steps: Sequence[Step]) -> dict[str, Step]:
    """Steps by name; those that differ only by the number of their round once, as `round0 to 3`."""
    rounds: dict[str, list[Step]] = {}
    for step in steps:
        rounds.setdefault(step.name.rstrip("0123456789"), []).append(step)
    return {f"{same[0].name} to {len(same) - 1}" if len(same) > 1 else same[0].name: same[0] for same in rounds.values()}


def _described(step: Step) -> Text:
    if isinstance(step, TemplateStep):
        parts = [f"[system]\n{step.system}\n"] if step.system else []
        parts += [f"[example]\n{asked}\n→ {answered}\n" for asked, answered in step.examples]
        parts.append(f"[prompt]\n{step.prompt}\n")
        said: dict[str, Any] = {
            "sampling": {k: v for k, v in step.sampling.fields().items() if v is not None},
            "parser": {step.parser: step.parser_settings},
        }
        more: dict[str, Any] = {"text": step.text, "keep": dict(step.keep), "choose": dict(step.choose), "retries": step.retries}
        said |= {key: value for key, value in more.items() if value}
        parts.append("\n".join(f"{key}: {orjson.dumps(value).decode()}" for key, value in said.items()))
        return Text(f"{step.load}\n\n" + "\n".join(parts))
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes prompts as they are, line by line."""

    def plainly(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, plainly)
    described = orjson.loads(orjson.dumps(step.describe(), default=str))
    return Text(f"{step.load}\n\n" + yaml.dump(described, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=160))


def _panel(recipe: Recipe, step: Step, prompt: Prompt, counter: Tokenizer) -> Panel:
    if prompt.ready is not None:
        return Panel(Text(_short(prompt.ready.text)), title=f"{recipe.name}, no model asked", title_align="left", border_style="green")
    words = "\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
    tokens = sum(counter.count([message.content for message in prompt.messages]))
    title = f"{recipe.name}, {step.name} {prompt.key}  {tokens} tokens, up to {prompt.sampling.max_tokens} to write".replace("  ", " ")
    return Panel(Text(_short(words)), title=title, title_align="left")


def _beside(left: Any, answers: Sequence[dict[str, Any]]) -> Table:
    table = Table.grid(expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    panels = []
    for record in answers:
        if record["error"]:
            panels.append(Panel(Text(_short(record["completion"])), title=record["error"], title_align="left", border_style="red"))
        else:
            title = "training text" if record["text"] is not None else "for the next step"
            text = record["text"] if record["text"] is not None else record["fields"] or ""
            panels.append(Panel(Text(_short(text)), title=title, title_align="left", border_style="green"))
    table.add_row(left, Group(*panels))
    return table


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} … ({len(text) - _CHARACTERS} characters more)"


def _console() -> Console:
    console = Console(highlight=False)
    # A table into a file or a pipe must not be cut to the width of a terminal that is not there.
    return console if console.is_terminal else Console(highlight=False, width=180)
