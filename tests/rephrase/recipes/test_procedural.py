"""Problems made by rule, solved or explained by a model, and kept where the task's verifier passes the answer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rephrase.engines.base import Completion
from rephrase.recipes.catalogue import find_recipes
from rephrase.recipes.use import RecipeUse
from tests.rephrase.recipes.play import cut, play

OURS = {"tasks": "ours/sets", "difficulty": 0}


def rows(**options):
    [recipe] = find_recipes({"use": "procedural/solve", "options": options})
    return list(recipe.rows.documents())


def solve(tokenizer, tries, **options):
    return play("procedural/solve", None, {"solve": tries}, tokenizer, samples=len(tries), **OURS, **options)


GOLD = rows(**OURS)[0].metadata["answer"]
RIGHT, OTHER = f"So many.\n<answer>{GOLD}</answer>", f"Count them: **<answer>{GOLD}.0</answer>** Good luck!"
WRONG = "<answer>1234</answer>"


def test_right_solutions_of_a_problem_that_is_neither_easy_nor_hard_are_kept(tokenizer):
    played = solve(tokenizer, [RIGHT, WRONG, OTHER, RIGHT, "I do not know.", cut("Count"), "<answer> </answer>"])
    question = rows(**OURS)[0].text
    assert played.texts("solve") == [f"{question}\n\nSo many.\n\nAnswer: {GOLD}", f"{question}\n\nCount them: {GOLD}.0"]
    assert sorted(played.errors("solve")) == [
        "parse:no_answer",
        "parse:no_answer",
        "parse:truncated",
        "rejected:more_than_wanted",
        "rejected:wrong",
    ]
    fields = played.fields("solve")[0]
    assert (fields["right"], fields["of"], fields["task"], fields["level"], fields["answer"]) == (3, 7, "ours/sets", 0, GOLD)


@pytest.mark.parametrize(
    ("tries", "options", "errors"),
    [
        ([RIGHT, OTHER], {}, ["rejected:too_easy"] * 2),
        ([RIGHT, OTHER], {"highest": 1}, []),
        ([RIGHT, WRONG, WRONG, WRONG], {"lowest": 0.5}, ["rejected:too_hard"] + ["rejected:wrong"] * 3),
        ([WRONG, WRONG], {}, ["rejected:wrong"] * 2),
        ([RIGHT, WRONG, OTHER], {"keep": 1}, ["rejected:wrong", "rejected:more_than_wanted"]),
    ],
)
def test_the_share_of_right_tries_decides_on_a_problem(tokenizer, tries, options, errors):
    assert solve(tokenizer, tries, **options).errors("solve") == errors


def test_a_try_that_no_model_answered_is_none(tokenizer):
    failed = Completion("", "error", error="engine:timeout")
    played = solve(tokenizer, [RIGHT, failed])
    assert sorted(played.errors("solve")) == ["engine:timeout", "rejected:too_easy"], "one of one, not one of two"


def test_an_explanation_is_kept_if_it_comes_to_the_answer_and_does_not_tell_that_it_was_given(tokenizer):
    tries = [RIGHT, WRONG, f"By the given answer it is <answer>{GOLD}</answer>"]
    played = play("procedural/explain", None, {"explain": tries}, tokenizer, samples=3, **OURS)
    assert played.errors("explain") == ["rejected:wrong", "rejected:told"]
    assert len(played.texts("explain")) == 1
    prompt = played.prompts["explain"][0]
    assert f"Right answer:\n{GOLD}\n\nA solution in short:\n" in prompt
    assert "A solution in short" not in play("procedural/explain", None, {}, tokenizer, tasks="arithmetic/gcd").prompts["explain"][0]


def test_rows_are_the_same_every_time_and_tell_where_they_come_from():
    made = rows(**OURS, rows=20)
    assert made == rows(**OURS, rows=20)
    assert made[:5] == rows(**OURS, rows=5)
    assert made[0].id != rows(**OURS, rows=1, seed=2)[0].id
    assert {key: made[3].metadata[key] for key in ("task", "level", "seed", "index", "parameters", "generator")} == {
        "task": "ours/sets",
        "level": "0",
        "seed": "1",
        "index": "3",
        "parameters": "{}",
        "generator": "ours",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": "chain_sums"}, "there is no task `chain_sums`"),
        ({"tasks": ["ours/sets", "puzzle24"]}, "there is no task `puzzle24`"),
        ({"difficulty": -1}, "-1 is no level"),
        ({"parameters": {"arithmetic/gdc": {}}}, "`arithmetic/gdc` is none of the tasks"),
        ({"parameters": {"ours/sets": {"most": 3}}}, "has no parameters"),
        ({"lowest": 0.95}, "`lowest` 0.95 is above `highest` 0.9"),
        ({"samples": 1}, "of 1 tries no number"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        RecipeUse(use="procedural/solve", options=options)


def test_an_answer_without_the_tag_is_what_the_text_calls_its_answer(tokenizer):
    told = [f"Count.\nThe answer is {GOLD}.", rf"It is \boxed{{{GOLD}}}.", "The answer is -1.", "It cannot be said."]
    played = solve(tokenizer, told)
    question = rows(**OURS)[0].text
    assert played.texts("solve") == [f"{question}\n\n{text}" for text in told[:2]]
    assert sorted(played.errors("solve")) == ["parse:no_answer", "rejected:wrong"]


def test_queries_that_give_the_right_rows_are_kept(tokenizer):
    [recipe] = find_recipes({"use": "procedural/sql", "options": {"rows": 1}})
    [document] = recipe.rows.documents()
    right = f"Look them up.\n```sql\n{document.metadata['answer']}\n```"
    bare = f"Look them up.\n\n{document.metadata['answer']};"
    tries = [right, "```sql\nSELECT 1\n```", "It cannot be said.", bare]
    played = play("procedural/sql", document, {"solve": tries}, tokenizer, samples=4)
    assert played.texts("solve") == [f"{document.text}\n\n{right}", f"{document.text}\n\n{bare}"]
    assert sorted(played.errors("solve")) == ["parse:no_code", "rejected:wrong"]
    assert document.metadata["task"] == "sql/tables"
    assert document.metadata["generator"] == "ours"
