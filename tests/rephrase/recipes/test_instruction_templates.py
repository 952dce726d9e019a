"""Instructions from templates: which templates a passage gets, what an answer must quote, and what is refused."""

from __future__ import annotations

import json
import random

import numpy as np
import orjson
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from classifiers.cascade import build_cascade
from classifiers.settings import Filter
from rephrase.errors import UserError
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import find_recipes
from rephrase.recipes.excerpts import quoted_share, with_excerpts
from rephrase.recipes.instruction_templates import read_templates
from rephrase.recipes.template_matching import matcher_of, parts_of
from rephrase.records import Document
from tests.classifiers.batches import batch
from tests.rephrase.recipes.play import cut, play

PASSAGE = (
    "The Eddystone rocks lie fourteen miles off Plymouth. The first lighthouse, a tower of wood, was built by Henry Winstanley in 1698 and "
    "was lost in the great storm of 1703. The third tower was built of stone by John Smeaton, whose design of dovetailed blocks became the "
    "model for all later lighthouses. Its foundation outlasted the rock beneath it, so that a fourth tower had to be built in 1882."
)
BUILDING = "Why was <fi>a building, bridge or ship</fi> built the way it was?"
ANSWER = (
    "Instruction: Why was Smeaton's lighthouse built the way it was?\n"
    "Answer: It was <excerpt>built of stone by <...> all later lighthouses</excerpt>. <excerpt>Its foundation outlasted the rock beneath "
    "it, so that a fourth tower had to be built in 1882.</excerpt>"
)
TEXT = (
    "Why was Smeaton's lighthouse built the way it was?\n\n"
    "It was built of stone by John Smeaton, whose design of dovetailed blocks became the model for all later lighthouses. Its foundation "
    "outlasted the rock beneath it, so that a fourth tower had to be built in 1882."
)


def write(path, *rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(path)


@pytest.fixture
def own(tmp_path):
    rows = [
        {"template": BUILDING, "documents": "towers and lighthouses, stone, built by"},
        {"template": "Why was <fi>a building</fi> built the way it was?", "documents": "towers and lighthouses, stone, built by"},
        {"template": "How do I bake <fi>a bread</fi>?", "documents": "bread, dough, oven, flour"},
        {"template": "What is known about <fi>a subject</fi>?"},
    ]
    return write(tmp_path / "templates.jsonl", *rows)


def chosen(templates, passage, count=3, best=1, model=None, similar=0.8):
    matcher = matcher_of(read_templates(templates), model)
    return [matcher.templates[number].text for number in matcher.best(passage, count, best, similar, random.Random(1))]


# Which templates


def test_our_templates_are_over_a_hundred_and_say_what_fills_them():
    templates = read_templates("lists/instruction_templates.jsonl")
    assert len(templates) == 117
    assert sum(not template.documents for template in templates) == 6
    assert {template.text for template in templates if template.slots} == {template.text for template in templates}


def test_a_passage_gets_templates_by_the_words_of_their_documents_and_of_like_ones_one(own):
    assert chosen(own, PASSAGE) == [BUILDING, "What is known about <fi>a subject</fi>?"]
    assert chosen(own, "Knead the dough, and put the bread into the hot oven.", count=1) == ["How do I bake <fi>a bread</fi>?"]
    both = chosen(own, PASSAGE, similar=1)
    assert both[:2] == [BUILDING, "Why was <fi>a building</fi> built the way it was?"]


def test_one_word_is_no_match_and_what_matches_nothing_gets_templates_for_any_text(own):
    for passage in ("The oven was cold that day.", "潮水每天涨落两次，因为月亮牵引着大海。"):
        assert chosen(own, passage) == ["What is known about <fi>a subject</fi>?"]


def test_each_part_of_a_passage_gets_a_template(own):
    passage = f"{PASSAGE} Knead the dough, and put the bread into the hot oven. Flour and dough make a bread."
    assert set(chosen(own, passage, count=2)) == {BUILDING, "How do I bake <fi>a bread</fi>?"}
    assert [part.strip() for part in parts_of("It rose. It fell. It rose again. It fell again.", 2)] == [
        "It rose. It fell.",
        "It rose again. It fell again.",
    ]
    assert len(list(parts_of("One sentence.", 3))) == 3


def test_like_documents_get_different_templates_and_the_same_one_always_the_same(tokenizer):
    [recipe] = find_recipes("instruction/templates")
    drawn = [[prompt.key for prompt in recipe.steps[0].prompts(Row(Document(name, PASSAGE)), tokenizer)] for name in "abcdef"]
    assert all(len(set(keys)) == 3 for keys in drawn)
    assert len(set(map(tuple, drawn))) > 1
    assert drawn[0] == [prompt.key for prompt in recipe.steps[0].prompts(Row(Document("a", PASSAGE)), tokenizer)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model in which a pharos is a tower, and a loaf is bread."""
    model2vec = pytest.importorskip("model2vec")
    words = ["[UNK]", "towers", "stone", "pharos", "bread", "dough", "loaf"]
    vectors = np.array([[0.01, 0.01], [1, 0], [1, 0.1], [1, 0.05], [0, 1], [0.1, 1], [0.05, 1]], np.float32)
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    folder = str(tmp_path_factory.mktemp("model"))
    model2vec.StaticModel(vectors, tokenizer).save_pretrained(folder)
    return folder


def test_a_model_finds_templates_that_share_no_word_with_the_passage(own, model, tokenizer):
    assert chosen(own, "the pharos", count=1) == ["What is known about <fi>a subject</fi>?"]
    assert chosen(own, "the pharos", count=1, model=model) == [BUILDING]
    assert chosen(own, "a loaf", count=1, model=model) == ["How do I bake <fi>a bread</fi>?"]
    [plain, embedded] = [
        find_recipes({"use": "instruction/templates", "options": {"templates": own, **options}})[0] for options in ({}, {"model": model})
    ]
    assert plain.digest != embedded.digest
    assert model not in json.dumps(embedded.description), "a model may be moved"
    prompts = list(embedded.steps[0].prompts(Row(Document("d", "the pharos")), tokenizer))
    assert {prompt.values["template"] for prompt in prompts} <= {template.text for template in embedded.steps[0].templates}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "/no/such/folder"}, r"/no/such/folder: there is no such folder .*recipe `instruction/templates`"),
        ({"templates": "/no/such/file.jsonl"}, "no input files found"),
    ],
)
def test_what_is_not_there_is_told_before_anything_runs(options, message):
    with pytest.raises(UserError, match=message):
        find_recipes({"use": "instruction/templates", "options": options})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "Who?"}, "row 1: the row has no field `template`; it has: text"),
        ({"template": "Who was it?"}, "row 1: nothing in `Who was it.` says what fills it"),
        ({"template": "Who was <fi>a person?"}, "row 1: nothing in"),
        ({"template": "Who was <fi>a person</fi>?", "documents": 3}, "row 1: `template` and `documents` are texts"),
    ],
)
def test_what_is_no_template_is_refused_with_its_row(tmp_path, row, message):
    with pytest.raises(UserError, match=message):
        read_templates(write(tmp_path / "templates.jsonl", row))


# What an answer must be


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        ("Was <excerpt>built of stone <...> whose design</excerpt>.", "Was built of stone by John Smeaton, whose design."),
        ("<excerpt>Lost in the GREAT storm … of 1703</excerpt>", "lost in the great storm of 1703"),
        ("<excerpt>fourteen miles off Plymouth</excerpt>", "fourteen miles off Plymouth"),
        ("No marks at all.", "No marks at all."),
        ("<excerpt>forty miles off <...> Plymouth</excerpt>", None),
        ("<excerpt>by Henry Winstanley <...> the rocks lie</excerpt>", None),  # ends before it begins
        ("<excerpt><...></excerpt>", None),
        ("<excerpt>fourteen miles", None),
    ],
)  # fmt: skip
def test_excerpts_are_put_in_from_the_passage(answer, whole):
    assert with_excerpts(answer, PASSAGE) == whole


def test_the_share_that_is_quoted_counts_runs_of_words():
    assert quoted_share("The third tower was built of stone by John Smeaton", PASSAGE, 5) == 1
    assert quoted_share("The third tower was built of stone by a mason from Leeds", PASSAGE, 5) == pytest.approx(8 / 12)
    assert quoted_share("Plymouth", PASSAGE, 5) == 1
    assert quoted_share("", PASSAGE, 5) == 0


@pytest.mark.parametrize(
    ("completion", "error"),
    [
        (ANSWER, None),
        ("Instruction: none", "rejected:unfit"),
        ("None.", "rejected:unfit"),
        (f"Instruction: {BUILDING}\nAnswer: <excerpt>fourteen miles off Plymouth</excerpt>", "parse:not_filled"),
        ("Instruction: Why?\nAnswer: <excerpt>forty miles</excerpt>", "rejected:no_excerpt"),
        ("Instruction: Why?\nAnswer: Because stone is heavy and lasts for a long time in the sea.", "rejected:not_quoted"),
        ("It was built of stone.", "parse:no_instruction"),
        ("Instruction: Why?", "parse:no_answer"),
        (cut(ANSWER), "parse:truncated"),
    ],
)
def test_an_answer_quotes_the_passage_or_is_rejected(own, completion, error, tokenizer):
    played = play("instruction/templates", PASSAGE, {"instruct": completion}, tokenizer, templates=own, count=1)
    assert played.errors("instruct") == ([error] if error else [])
    if error is None:
        assert played.texts("instruct") == [TEXT]
        [fields] = played.fields("instruct")
        assert (fields["template"], fields["quoted"]) == (BUILDING, 0.974)


def test_four_fifths_of_an_answer_are_quoted_as_published():
    [recipe] = find_recipes("instruction/templates")
    assert recipe.steps[0].options.quoted == 0.8


def test_answers_held_to_json_are_read_like_others_and_the_default_checks_keep_them(own, tokenizer):
    instruction, answer = ANSWER.removeprefix("Instruction: ").split("\nAnswer: ")
    data = json.dumps({"instruction": instruction, "answer": answer})
    played = play("instruction/templates", PASSAGE, {"instruct": data}, tokenizer, structured=True, templates=own, count=1)
    assert played.texts("instruct") == [TEXT]
    assert build_cascade(Filter()).judge(batch([TEXT], [PASSAGE], recipe="instruction/templates"))[0] == ["keep"]
