"""`structured: true`: what is asked of the engine, what is made of its answers, and what a recipe is without it."""

from __future__ import annotations

import json

import pytest

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import find_recipes
from rephrase.records import Document

DOCUMENT = Document("d1", "The tide rises twice a day. " * 20, n_tokens=120)
JSON = '{"pairs": [{"question": "What rises?", "answer": "The tide."}]}'
TEXT = "Question: What rises?\nAnswer: The tide."


def first_step(recipe, **changes):
    [chosen] = find_recipes({"use": recipe, **changes})
    return chosen.steps[0]


def first_prompt(step, tokenizer):
    return next(step.prompts(Row(DOCUMENT), tokenizer))


@pytest.mark.parametrize("document_first", [False, True])
def test_a_structured_prompt_has_a_schema_and_asks_for_it_at_its_end(document_first, tokenizer):
    [before, after] = [first_prompt(first_step("wrap/qa", structured=on, document_first=document_first), tokenizer) for on in (False, True)]
    assert before.schema is None
    assert list(json.loads(after.schema)["properties"]) == ["pairs"]
    assert after.messages[-1].content.startswith(before.messages[-1].content)
    assert after.messages[-1].content.removeprefix(before.messages[-1].content).strip().startswith("Whatever form is asked for above:")


@pytest.mark.parametrize(
    ("completion", "text", "error"),
    [
        (Completion(JSON, "stop"), TEXT, None),
        (Completion(f"Sure!\n\n{TEXT}", "stop"), TEXT, None),  # an engine that does not hold to schemas
        (Completion('{"pairs": []}', "stop"), None, "parse:no_questions"),
        (Completion(f"{JSON[:-2]}, {{", "length"), None, "parse:truncated"),
        (Completion(JSON, "length"), None, "parse:truncated"),
    ],
)
def test_an_answer_is_read_as_json_and_else_as_text_and_never_where_it_was_cut(completion, text, error, tokenizer):
    step = first_step("wrap/qa", structured=True)
    parsed = step.parse(first_prompt(step, tokenizer), completion, tokenizer)
    assert (parsed.text, parsed.error) == (text, error)


def test_a_recipe_without_it_is_the_same_as_ever_and_one_with_it_another():
    [without], [off], [on] = [find_recipes({"use": "wrap/qa", **change}) for change in ({}, {"structured": False}, {"structured": True})]
    assert without.digest == off.digest == "8229f3fbaea386aa"
    assert on.digest != off.digest
    assert "reply with one JSON object" in on.wording


def test_all_steps_of_a_recipe_that_can_are_held_to_json():
    [recipe] = find_recipes({"use": "mga/reformulate", "structured": True})
    assert [step.structured for step in recipe.steps] == [True, False, True]


@pytest.mark.parametrize("use", ["wrap/easy", "wrap/*", "entigraph", "instruction/urial"])
def test_a_recipe_whose_parsers_read_no_json_is_refused(use):
    with pytest.raises(
        UserError, match=r"no step of `[a-z_]+/[a-z]+` has a parser that reads JSON.*remove `structured`; .*: items, objects"
    ):
        find_recipes({"use": use, "structured": True})


def test_a_step_of_a_recipe_file_says_it_itself(tmp_path):
    path = tmp_path / "mine.yaml"

    def step(parser: str, more: str = ""):
        style = f"{{parser: {parser}, structured: true, text: '{{passage}}', prompt: 'Grade it. {{passage}}'{more}}}"
        path.write_text(f"family: mine\npassage_tokens: 300\nstyles:\n  graded: {style}\n")
        return first_step(str(path))

    assert step("score").structured
    with pytest.raises(UserError, match=r"answers for the parser `plain` cannot be held to JSON.*score"):
        step("plain")
    with pytest.raises(UserError, match="a `raw` prompt cannot ask for JSON"):
        step("score", ", raw: true")
