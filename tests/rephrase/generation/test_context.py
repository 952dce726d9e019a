"""How long a context recipes need: no prompt is longer, and short documents need little."""

from __future__ import annotations

import pytest

from rephrase.engines.vllm.settings import VllmSettings
from rephrase.generation.context import tokens_needed
from rephrase.recipes.base import Recipe, Row, Step
from rephrase.recipes.catalogue import catalogue, find_recipes
from rephrase.records import Document, Generation
from rephrase.text.tokenizer import Tokenizer

TEXT = "\n".join(f"Line {n}: the tide rises twice a day, and mills once ground corn with it." for n in range(400))
FAMILIES = ("wrap", "mind", "nemotron", "finephrase", "rewire", "prox")
SIZED = [recipe for recipe in catalogue().values() if recipe.family in FAMILIES]


def steps_of(recipe: Recipe) -> list[tuple[Recipe, Step]]:
    return [(recipe, step) for step in recipe.steps]


@pytest.fixture(scope="module")
def counter(tokenizer_file) -> Tokenizer:
    return Tokenizer.load(tokenizer_file)


@pytest.mark.parametrize("recipe", SIZED, ids=lambda recipe: recipe.name)
def test_no_prompt_and_completion_are_longer_than_what_is_said(recipe, counter):
    document = Document("d", TEXT, metadata={"title": "Tides"}, url="https://tides.example/")
    [whole] = counter.count([TEXT])
    needed = tokens_needed(steps_of(recipe), counter, lambda _: whole)
    assert needed is not None
    step = recipe.steps[0]
    for prompt in step.prompts(Row(document), counter):
        tokens = sum(counter.count([message.content for message in prompt.messages]))
        assert tokens + prompt.sampling.max_tokens + 128 <= needed  # 128: what a chat template adds


def test_what_an_earlier_step_wrote_is_a_part_of_the_prompts(counter):
    [recipe] = find_recipes("entigraph")
    needed = tokens_needed(steps_of(recipe), counter, lambda _: 100)
    names = ["sea " * 900, "moon"]  # as long as the entities can be
    entities = f'{{"summary": "Tides.", "entities": ["{names[0]}", "{names[1]}"]}}'
    values = dict.fromkeys(Generation.__dataclass_fields__)
    generation = Generation(**{**values, "id": "g", "span_start": 0, "span_end": 40, "completion": entities, "step": "entities"})
    row = Row(Document("d", "The tide rises twice a day. And it falls."), {"entities": [generation]})
    [prompt] = recipe.steps[1].prompts(row, counter)
    assert sum(counter.count([message.content for message in prompt.messages])) + 2048 <= needed


def test_short_documents_need_less_than_the_passages_that_a_recipe_allows(counter):
    [recipe] = find_recipes("finephrase/math")
    assert tokens_needed(steps_of(recipe), counter, lambda _: 200) < tokens_needed(steps_of(recipe), counter, lambda _: None) > 5500 + 2048


class Own(Step):
    """A step of a user's, which says nothing about its prompts."""

    name = "own"

    prompts = parse = None

    def describe(self):
        return {}


def test_what_is_not_known_leaves_the_model_its_context(counter):
    [wrap] = find_recipes("wrap/easy")
    own = Recipe("mine/own", wrap.paper, (Own(),))
    assert tokens_needed([*steps_of(wrap), *steps_of(own)], counter, lambda _: 200) is None
    [whole] = find_recipes("verified/answer")  # documents whole, and nobody knows how long they are
    assert tokens_needed(steps_of(whole), counter, lambda _: None) is None


@pytest.mark.parametrize(
    ("settings", "tokenizer", "expected"),
    [
        ({}, "models/small", 1024),
        ({}, "models/small/tokenizer.json", 1024),
        ({}, "another", None),  # its tokens may be larger
        ({"max_model_len": 3000}, "models/small", 3000),
        ({"args": ["--max_model_len=2000"]}, "models/small", None),
        ({"args": ["--tokenizer", "another"]}, "models/small", None),
    ],
)
def test_an_engine_takes_what_is_needed_unless_its_user_says_otherwise(settings, tokenizer, expected):
    engine = VllmSettings(kind="vllm", model="models/small", **settings)
    assert engine.sized(1024, tokenizer).max_model_len == expected


def test_an_engine_takes_no_more_than_its_model_has(tmp_path):
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 512}')
    engine = VllmSettings(kind="vllm", model=str(tmp_path))
    assert engine.sized(1024, str(tmp_path)).max_model_len is None
