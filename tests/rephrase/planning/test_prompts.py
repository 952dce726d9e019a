"""What a plan counts is what recipes ask: every shipped recipe is played on the same documents."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence

import pytest

from rephrase.engines.base import Completion, Request
from rephrase.engines.echo import Echo
from rephrase.engines.settings import engine_of
from rephrase.engines.several import Engines
from rephrase.generation.loop import generate
from rephrase.generation.step_run import StepRun
from rephrase.planning.prompts import FirstPrompts, goes_on
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue
from rephrase.recipes.neighbours import with_neighbours
from rephrase.records import Document, content_id
from tests.places import EXAMPLES
from tests.rephrase.recipes.test_completions import played_well

ECHO = Engines.alone(engine_of({"kind": "echo"}))


class Listening(Echo):
    """Keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += requests
        return await super().complete(requests)


@pytest.fixture(scope="module")
def rows(tokenizer) -> list[Row]:
    """Passages of every kind, those with an answer among them, long ones too."""
    lines = [line for path in sorted((EXAMPLES / "catalogue").glob("*.jsonl")) for line in path.read_text().splitlines()]
    entries = [json.loads(line) for line in lines[:: len(lines) // 6]]
    documents = []
    for number, entry in enumerate(entries):
        text = entry["text"] * (1 + number % 3)
        metadata = {"answer": str(entry.get("answer", number)), "title": f"Passage {number}", "rewrite": text}
        documents.append(Document(content_id(text), text, "catalogue", n_tokens=tokenizer.count([text])[0], metadata=metadata))
    return with_neighbours([Row(document) for document in documents], 2)


def test_every_shipped_recipe_asks_what_was_counted(rows, tokenizer_file, tokenizer):
    recipes = list(catalogue().values())
    prompts = FirstPrompts(tuple(recipes), ECHO, tokenizer_file)
    checked = 0
    for index, recipe in enumerate(recipes):
        own = [Row(document) for document, _ in zip(recipe.rows.documents(), range(5), strict=False)] if recipe.rows else rows
        [counts] = prompts.of_each(own, [index]).values()
        engine, step = Listening(), recipe.steps[0]
        _, tally = asyncio.run(generate(own, StepRun(recipe, step, tokenizer, engine.model), engine))
        first = [request for request in engine.asked if request.attempt == 0]
        requests, tokens = sum(count.requests for count in counts), sum(count.prompt_tokens for count in counts)
        assert sum(count.documents for count in counts) == tally.documents
        if goes_on(step):
            assert 0 < requests <= len(first)
            continue
        checked += 1
        assert requests == len(first), recipe.name
        assert tokens == sum(len(message.content.split()) for request in first for message in request.messages), recipe.name
        assert requests + sum(count.unasked for count in counts) == tally.requests - tally.retried, recipe.name
        assert sum(count.passages for count in counts) == tally.passages, recipe.name
    assert checked > len(recipes) - 5


def test_prompts_are_counted_as_the_model_is_sent_them(tiny_model, rows, tokenizer_file, tokenizer):
    from rephrase.engines.prompts import ChatPrompter

    recipe = catalogue()["wrap/easy"]
    engine = engine_of({"kind": "vllm", "model": str(tiny_model)})
    [counts] = FirstPrompts((recipe,), Engines.alone(engine), tokenizer_file).of_each(rows, [0]).values()
    prompter = ChatPrompter(str(tiny_model))
    step_run = StepRun(recipe, recipe.steps[0], tokenizer, "m")
    asked = [step_run.request(row, prompt, 0, 0) for row in rows for prompt in step_run.prompts(row)]
    assert sum(count.prompt_tokens for count in counts) == sum(len(prompter.token_ids(request.messages)) for request in asked)
    bare = engine_of({"kind": "endpoint", "url": "http://localhost:1/v1", "model": "m"})
    assert FirstPrompts((recipe,), Engines.alone(bare), tokenizer_file).uncounted == ["m"]


@pytest.mark.parametrize("name", [name for name, recipe in catalogue().items() if len(recipe.steps) > 1])
def test_no_step_asks_more_of_a_result_than_it_says(name, tokenizer):
    recipe = catalogue()[name]
    played = played_well(recipe, tokenizer)
    for before, step in itertools.pairwise(recipe.steps):
        if not step.fans_out and not goes_on(before):
            asked, results = (len(played.prompts[one.name]) for one in (step, before))
            assert asked <= results * step.per_result * step.samples, step.name
