"""`structured: true`: what is asked of the engine, what is made of its answers, and what a recipe is without it."""

from __future__ import annotations

import json

import llguidance.hf
import pytest
from llguidance import LLMatcher
from transformers import AutoTokenizer

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue, find_recipes
from rephrase.recipes.template import TemplateStep
from rephrase.records import Document, Generation
from tests.rephrase.recipes.play import play

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
        (Completion(f"{JSON[:-2]}, {{", "length"), TEXT, None),  # the row keeps the finish reason, which the check `finished` rejects
        (Completion(JSON[:-3], "length"), None, "parse:truncated"),
        (Completion(TEXT, "length"), None, "parse:truncated"),
    ],
)
def test_an_answer_is_read_as_json_and_else_as_text_and_of_one_that_was_cut_only_what_is_whole(completion, text, error, tokenizer):
    step = first_step("wrap/qa", structured=True)
    parsed = step.parse(first_prompt(step, tokenizer), completion, tokenizer)
    assert (parsed.text, parsed.error) == (text, error)


def test_a_recipe_without_it_is_the_same_as_ever_and_one_with_it_another():
    [without], [off], [on] = [find_recipes({"use": "wrap/qa", **change}) for change in ({}, {"structured": False}, {"structured": True})]
    assert without.digest == off.digest == "8229f3fbaea386aa"
    assert on.digest != off.digest
    assert "reply with one JSON object" in on.wording


def test_an_answer_held_to_json_that_gives_nothing_is_asked_for_again():
    assert first_step("wrap/qa").retries == 0
    assert first_step("wrap/qa", structured=True).retries == 3


def test_a_training_text_that_was_ended_at_its_bound_has_the_finish_reason_of_one_that_was_cut(tokenizer):
    sentence = "The tide rises twice a day, and nobody knows it better than the people who live by the shore and mend their nets."
    [prompt] = first_step("nemotron/wikipedia", structured=True).prompts(Row(DOCUMENT), tokenizer)
    bound = json.loads(prompt.schema)["properties"]["text"]["maxLength"]
    for text, finish_reason in ((f"{sentence} " * 1000)[:bound], "length"), (f"{sentence} " * 5, "stop"):
        [row] = play("nemotron/wikipedia", DOCUMENT, {"rewrite": json.dumps({"text": text})}, tokenizer, structured=True).rows["rewrite"]
        assert (row["finish_reason"], row["error"]) == (finish_reason, None)
        assert row["text"].endswith(sentence)


def test_a_later_step_takes_the_items_of_a_list_that_was_cut_and_no_text_that_was(tokenizer):
    [recipe] = find_recipes({"use": "instruction/expand", "structured": True})
    variations, answer = recipe.steps
    prompt = first_prompt(variations, tokenizer)
    parsed = variations.parse(prompt, Completion('{"items":["Explain why the tide rises","Describe the', "length"), tokenizer)
    assert parsed.fields["items"] == ["Explain why the tide rises"]
    fields = json.dumps(dict(parsed.fields))
    generation = Generation("g1", "variations", "", 0, 10, "{", None, fields, None, 1, finish_reason="length")
    grown = Row(DOCUMENT, earlier={"variations": [generation]})
    assert len(list(answer.prompts(grown, tokenizer))) == 1


def test_all_steps_of_a_recipe_that_can_are_held_to_json():
    [recipe] = find_recipes({"use": "mga/reformulate", "structured": True})
    assert [step.structured for step in recipe.steps] == [True, False, True]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ('{"label": "different"}', None),
        ('{"label": "equal"}', "rejected:no_gain"),
        ("They are not equal.", None),  # of an engine that holds to no schema
        ('{"label": "alike"}', "parse:no_label"),
    ],
)
def test_verdicts_of_flows_are_held_to_their_words(answer, error, tokenizer):
    scripts = {"evolve0": "Why does the tide rise twice?", "gain0": answer, "answer0": "The Moon pulls the sea on both sides."}
    played = play("evol/instruct", "Why does the tide rise?", scripts, tokenizer, structured=True, rounds=1)
    assert '"label"' in played.prompts["gain0"][0]
    assert '"label"' not in played.prompts["evolve0"][0]
    assert played.errors("gain0") == ([error] if error else [])


def test_a_verdict_that_is_held_to_its_words_has_their_schema(tokenizer):
    [recipe] = find_recipes({"use": "self_instruct/tasks", "structured": True, "options": {"rounds": 1}})
    [kind] = [step for step in recipe.steps if step.structured]
    fields = json.dumps({"instruction": "Say if the review is kind."})
    [prompt] = kind.prompts(Row(DOCUMENT, {"round0": [Generation("g1", "round0", "", 0, 10, "", None, fields, None, 1)]}), tokenizer)
    assert json.loads(prompt.schema)["properties"]["label"]["enum"] == ["yes", "no"]
    parsed = kind.parse(prompt, Completion('{"label":"yes"}', "stop"), tokenizer)
    assert parsed.fields == {"instruction": "Say if the review is kind.", "classification": True}


@pytest.mark.parametrize("use", ["wrap/easy", "wrap/*", "entigraph", "instruction/urial"])
def test_a_recipe_whose_parsers_read_no_json_is_refused(use):
    with pytest.raises(
        UserError, match=r"no step of `[a-z_]+/[a-z]+` has a parser that reads JSON.*remove `structured`; .*: bullets, items, objects"
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


def held_steps():
    for name, recipe in catalogue().items():
        held = [step.held_to_form() for step in recipe.steps if isinstance(step, TemplateStep)]
        yield from (pytest.param(step, id=f"{name} {step.name}") for step in held if step.form)


def longest_answer(schema):
    """Words without end wherever the schema lets the model write, as a small model does."""
    match schema["type"]:
        case "object":
            return {name: longest_answer(part) for name, part in schema["properties"].items()}
        case "array":
            return [longest_answer(schema["items"])] * schema["maxItems"]
        case "string" if "enum" not in schema:
            return ("The tide rises and falls; " * 10_000)[: schema["maxLength"]]
    return schema["enum"][0] if "enum" in schema else schema["maximum"]


@pytest.fixture(scope="module")
def grammar_tokenizer(tiny_model):
    return llguidance.hf.from_tokenizer(AutoTokenizer.from_pretrained(tiny_model))


@pytest.mark.parametrize("step", list(held_steps()))
def test_the_engine_can_hold_answers_to_the_forms_of_all_shipped_recipes(step, grammar_tokenizer):
    """By the library that our vLLM servers are started with."""
    grammar = LLMatcher.grammar_from_json_schema(step.form.schema_text, defaults={"whitespace_flexible": False})
    matcher = LLMatcher(grammar_tokenizer, grammar)
    assert matcher.get_error() == ""
    answer = json.dumps(longest_answer(step.form.schema), separators=(",", ":"))
    tokens = grammar_tokenizer.tokenize_str(answer)
    assert matcher.try_consume_tokens(tokens) == len(tokens), matcher.get_error()
    assert matcher.is_accepting()
