"""What `rephrase preview` prints: the prompts of a recipe for some documents, and what an engine makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rephrase.cli.console import shortened
from rephrase.errors import UserError
from rephrase.generation.loop import generate
from rephrase.generation.open_engines import OpenEngines
from rephrase.generation.rows import with_generations
from rephrase.generation.step_run import NO_MODEL, StepRun, generations_of
from rephrase.generation.tally import Tally
from rephrase.live.plain_console import PlainConsole
from rephrase.recipes.base import Prompt, Recipe, Row, Step
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.related import with_related
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.text.languages import UNKNOWN
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.engines.several import Engines

_CHARACTERS = 4000  # of a prompt or a text on the screen
_TWO = 120  # characters in which two texts stand side by side


def preview(use: RecipeUse, *, documents: Sequence[Document], tokenizer: str, engines: Engines | None = None, number: int = 3) -> None:
    """Print the exact prompts for the first `number` documents with their token counts; with engines also what they make of them."""
    counter = Tokenizer.load(tokenizer)
    console = PlainConsole()
    for recipe in recipes_of([use]):
        rows = rows_of(recipe, documents, number, counter)
        if engines is None:
            asked = [prompt for row in rows for prompt in StepRun(recipe, recipe.steps[0], counter, NO_MODEL).prompts(row)]
            for prompt in asked:
                console.print(_panel(recipe, recipe.steps[0], prompt, counter))
            if not asked:
                console.print(f"{recipe.name} asks nothing of these documents, for example as they are too short or too few")
            if len(recipe.steps) > 1:
                console.print(f"further steps ({', '.join(step.name for step in recipe.steps[1:])}) need a model: give --model or --config")
        else:
            asyncio.run(_print_answers(recipe, rows, counter, engines, console))


def rows_of(recipe: Recipe, documents: Sequence[Document], number: int, counter: Tokenizer) -> list[Row]:
    """The first rows that a recipe works on. Raises `UserError` where there are none."""
    rows = [Row(document) for document in (islice(recipe.rows.documents(), number) if recipe.rows else documents)]
    rows = list(with_related(rows, recipe, counter))[:number]
    if not rows:
        raise UserError("there are no documents to preview", where=recipe.name, cure="name a file with documents by --input")
    return rows


@dataclass(frozen=True, slots=True)
class Answered:
    """What a step made of some rows."""

    step: Step
    prompts: list[tuple[Prompt, list[dict[str, Any]]]]
    """Each with the rows of `generations` that came of it."""
    others: list[list[dict[str, Any]]]
    """What the step makes of several answers together."""
    tally: Tally


async def answered(recipe: Recipe, rows: list[Row], counter: Tokenizer, engines: Engines) -> AsyncIterator[Answered]:
    """Ask for the steps of a recipe, one after the other."""
    async with OpenEngines(engines, lambda settings: settings.open()) as opened:
        for step in recipe.steps:
            engine = await opened.find(recipe.engine_of(step))
            step_run = StepRun(recipe, step, counter, engine.model)
            table, tally = await generate(rows, step_run, engine)
            records: dict[tuple[str, int, int, str], list[dict[str, Any]]] = {}
            for record in table.to_pylist():
                records.setdefault((record["document_id"], record["span_start"], record["span_end"], record["key"]), []).append(record)
            prompts = [
                (prompt, records.pop((row.document.id, *prompt.span, prompt.key), [])) for row in rows for prompt in step_run.prompts(row)
            ]
            yield Answered(step, prompts, list(records.values()), tally)
            rows = with_generations(rows, step.name, table)
            assert generations_of(table) is not None


async def _print_answers(recipe: Recipe, rows: list[Row], counter: Tokenizer, engines: Engines, console: Console) -> None:
    async for made in answered(recipe, rows, counter, engines):
        for prompt, answers in made.prompts:
            console.print(_beside(_panel(recipe, made.step, prompt, counter), answers, console))
        for answers in made.others:
            console.print(_beside(Text(""), answers, console))
        tokens, errors = made.tally.completion_tokens, made.tally.errors
        console.print(f"{made.step.name}: {len(made.prompts)} prompts, {tokens} tokens written, {errors} rows with an error\n")


def _panel(recipe: Recipe, step: Step, prompt: Prompt, counter: Tokenizer) -> Panel:
    if prompt.ready is not None:
        return Panel(
            Text(shortened(prompt.ready.error or prompt.ready.text, _CHARACTERS)),
            title=f"{recipe.name}, no model asked",
            title_align="left",
            border_style="red" if prompt.ready.error else "green",
        )
    text = "\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
    tokens = sum(counter.count([message.content for message in prompt.messages]))
    title = f"{recipe.name}, {step.name} {prompt.key}  {tokens} tokens, up to {prompt.sampling.max_tokens} to write".replace("  ", " ")
    title += f", in {prompt.language}" if prompt.language not in (None, UNKNOWN) else ""
    return Panel(Text(shortened(text, _CHARACTERS)), title=title, title_align="left")


def _beside(panel: Any, answers: Sequence[dict[str, Any]], console: Console) -> Table | Group:
    """A prompt and its answers side by side, or one below the other where the console is too narrow for two."""
    panels = []
    for record in answers:
        if record["error"]:
            panels.append(
                Panel(Text(shortened(record["completion"], _CHARACTERS)), title=record["error"], title_align="left", border_style="red")
            )
        else:
            title = "training text" if record["text"] is not None else "for the next step"
            text = record["text"] if record["text"] is not None else record["fields"] or ""
            panels.append(Panel(Text(shortened(text, _CHARACTERS)), title=title, title_align="left", border_style="green"))
    if console.width < _TWO:
        return Group(panel, *panels)
    table = Table.grid(expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(panel, Group(*panels))
    return table
