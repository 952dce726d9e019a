"""`rephrase label`: a model grades a sample of documents by a rubric, as labels to train a classifier on.

No Spark is needed: some thousands of labels make a classifier, and one engine writes them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.generation.loop import generate
from rephrase.generation.step_run import StepRun
from rephrase.live.plain_console import PlainConsole
from rephrase.recipes.base import Recipe, Row
from rephrase.recipes.catalogue import recipes_named
from rephrase.records import Document
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.engines.settings import EngineSettings

_BATCH = 256  # documents between two looks at the output: what is written is not asked for again
_console = PlainConsole(stderr=True)


def label(documents: list[Document], rubric: str, engine: EngineSettings, tokenizer: str, output: str) -> int:
    """Write a line of JSON for each document: `text`, `label` (a word or a grade), `id`, `url`, `rubric`, `model`. Returns how many.

    Documents whose label stands in the output already are not asked for again. Raises `UserError` for a rubric that gives no label.
    """
    [recipe, *more] = recipes_named(rubric)
    if more or len(recipe.steps) != 1:
        raise UserError(
            "a rubric is one recipe of one step", where=rubric, cure="for example label/educational, or a recipe file of your own"
        )
    lines = _read_lines(output)
    todo = [document for document in documents if document.id not in lines]
    if len(todo) < len(documents):
        _console.print(f"label: {len(documents) - len(todo)} of {len(documents)} are labelled already")

    async def run() -> None:
        client = engine.open()
        failed = 0
        try:
            for at in range(0, len(todo), _BATCH):
                part = todo[at : at + _BATCH]
                rows = [Row(document) for document in part]
                table, _ = await generate(rows, StepRun(recipe, recipe.steps[0], Tokenizer.load(tokenizer), client.model), client)
                row_of_document = {row["document_id"]: row for row in table.to_pylist()}
                for document in part:
                    line = _line(document, row_of_document.get(document.id), recipe)
                    if line is None:
                        failed += 1
                    else:
                        lines[document.id] = line
                storage.put(output, b"".join(orjson.dumps(line) + b"\n" for line in lines.values()))
                _console.print(f"label: {min(at + _BATCH, len(todo))}/{len(todo)} documents, {failed} without a label")
        finally:
            await client.close()

    if todo:
        asyncio.run(run())
    return len(lines)


def _read_lines(output: str) -> dict[str, dict[str, Any]]:
    if not storage.exists(output):
        return {}
    lines = [orjson.loads(line) for line in storage.read(output).splitlines() if line.strip()]
    return {line["id"]: line for line in lines}


def _line(document: Document, row: dict[str, Any] | None, recipe: Recipe) -> dict[str, Any] | None:
    if row is None or row["error"]:
        return None
    fields = orjson.loads(row["fields"] or b"{}")
    value = fields.get("label", fields.get("score"))
    if value is None:
        raise UserError("the rubric gives neither a label nor a score", where=recipe.name, cure="use the parser `label` or `score` in it")
    return {"text": document.text, "label": value, "id": document.id, "url": document.url, "rubric": recipe.name, "model": row["model"]}
