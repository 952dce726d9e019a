"""What `rephrase preview --json` prints: prompts, and what engines made of them, for other programs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rephrase.cli.preview_panels import answered, rows_of
from rephrase.generation.step_run import NO_MODEL, StepRun
from rephrase.recipes.base import Prompt, Recipe, Row, Step
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.engines.several import Engines


def preview_json(
    use: RecipeUse, *, documents: Sequence[Document], tokenizer: str, engines: Engines | None = None, number: int = 3
) -> dict[str, Any]:
    """The prompts for the first `number` documents, whole, with their tokens; with engines also the generations that came of them."""
    counter = Tokenizer.load(tokenizer)
    prompts: list[dict[str, Any]] = []
    for recipe in recipes_of([use]):
        rows = rows_of(recipe, documents, number, counter)
        if engines is None:
            prompts += _unanswered(recipe, rows, counter)
        else:
            prompts += asyncio.run(_answered(recipe, rows, counter, engines))
    return {"prompts": prompts}


def _unanswered(recipe: Recipe, rows: Sequence[Row], counter: Tokenizer) -> Iterator[dict[str, Any]]:
    step = recipe.steps[0]
    for row in rows:
        for prompt in StepRun(recipe, step, counter, NO_MODEL).prompts(row):
            yield {**_prompt(recipe, step, prompt, counter), "document_id": row.document.id}


async def _answered(recipe: Recipe, rows: list[Row], counter: Tokenizer, engines: Engines) -> list[dict[str, Any]]:
    prompts = []
    async for made in answered(recipe, rows, counter, engines):
        prompts += [{**_prompt(recipe, made.step, prompt, counter), "generations": answers} for prompt, answers in made.prompts]
        prompts += [{"recipe": recipe.name, "step": made.step.name, "generations": answers} for answers in made.others]
    return prompts


def _prompt(recipe: Recipe, step: Step, prompt: Prompt, counter: Tokenizer) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "step": step.name,
        "key": prompt.key,
        "span": list(prompt.span),
        "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
        "tokens": sum(counter.count([message.content for message in prompt.messages])),
        "max_tokens": prompt.sampling.max_tokens,
        "language": prompt.language,
    }
