"""Plays a recipe through all its steps with scripted completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rephrase.engines.base import Completion, Identity, Request
from rephrase.generation.loop import generate
from rephrase.generation.rows import with_generations
from rephrase.generation.step_run import StepRun
from rephrase.notes import EngineFigures
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.related import with_related
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document

Script = str | Completion | Callable[[str], str | Completion] | Sequence[str | Completion]


class Scripted:
    """Answers with what the script of the step says: always the same, one after the other, or by the prompt."""

    model, batch_size, concurrency = "scripted", 4, 4
    identity = Identity("scripted")

    def __init__(self, script: Script) -> None:
        self.script, self.prompts = script, []
        self.completions = list(script) if isinstance(script, (list, tuple)) else []

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return [self.answer("\n".join(message.content for message in request.messages)) for request in requests]

    def answer(self, prompt: str) -> Completion:
        self.prompts.append(prompt)
        completion = self.completions.pop(0) if self.completions else self.script(prompt) if callable(self.script) else self.script
        return completion if isinstance(completion, Completion) else Completion(str(completion), "stop", 1, len(str(completion).split()))

    async def figures(self) -> EngineFigures:
        return EngineFigures()

    async def close(self) -> None:
        pass


class Played:
    """Rows and prompts of each step."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.prompts: dict[str, list[str]] = {}

    def texts(self, step: str) -> list[str]:
        return [row["text"] for row in self.rows[step] if row["text"] is not None]

    def errors(self, step: str) -> list[str]:
        return [row["error"] for row in self.rows[step] if row["error"]]

    def fields(self, step: str) -> list[dict[str, Any]]:
        return [json.loads(row["fields"]) for row in self.rows[step] if row["fields"] and not row["error"]]


def play(
    name: str,
    document: str | Document | None,
    scripts: Mapping[str, Script],
    tokenizer,
    neighbours: Sequence[Document] = (),
    others: Sequence[Document] = (),
    structured: bool = False,
    language: str | None = None,
    **options: Any,
) -> Played:
    """All steps of a recipe on one document, or on the first row of its own. Steps without a script get an empty completion."""
    [recipe] = recipes_of([RecipeUse(use=name, options=options, structured=structured, language=language)])
    if document is None:
        assert recipe.rows is not None
        document = next(iter(recipe.rows.documents()))
    rows = [Row(document if isinstance(document, Document) else Document("d", document), neighbours=neighbours)]
    if others:  # which paths may go over
        rows = list(with_related([*rows, *map(Row, others)], recipe, tokenizer))
    played = Played()
    for step in recipe.steps:
        engine = Scripted(scripts.get(step.name, ""))
        table, _ = asyncio.run(generate(rows, StepRun(recipe, step, tokenizer, engine.model), engine))
        played.rows[step.name], played.prompts[step.name] = table.to_pylist(), engine.prompts
        assert len(set(table["id"].to_pylist())) == table.num_rows, "ids are different"
        rows = with_generations(rows, step.name, table)
    return played


def cut(text: str) -> Completion:
    """A completion that was cut at the token limit."""
    return Completion(text, "length", 1, 10)
