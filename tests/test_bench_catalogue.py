"""The bench of the whole catalogue: its passages, and what it counts."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from bench import catalogue as bench
from bench.catalogue_table import falls, markdown, steps_of
from rephrase.engines.base import Completion
from rephrase.text.tokenizer import Tokenizer
from tests import problem_solutions
from tests.rephrase.recipes.play import Scripted

GOOD = "Question: When does the water rise?\nAnswer: It rises twice a day, in the morning and in the evening."
ANSWERS = [GOOD, "I have no idea.", Completion("Question: Why", "length"), "Question: Who?\nAnswer: As an AI language model, I cannot say."]


@pytest.fixture(scope="module")
def counter(tokenizer_file) -> Tokenizer:
    return Tokenizer.load(tokenizer_file)


def test_the_first_passages_are_of_all_kinds_and_always_the_same(counter):
    documents = list(bench.passages(counter))
    kinds = {document.source for document in documents}
    assert {"math", "code", "prose", "dialogue", "list", "poor"} <= kinds
    assert {document.source for document in documents[: len(kinds)]} == kinds
    assert len({document.id for document in documents}) == len(documents) >= 12
    assert [document.id for document in bench.passages(counter)] == [document.id for document in documents]


@pytest.mark.parametrize(("recipe", "kind"), [("verified/answer", "math"), ("verified/python", "code"), ("tinygsm/mind", "math")])
def test_problems_go_to_the_recipes_that_need_their_answers(counter, recipe, kind):
    [recipe] = bench.chosen([recipe])
    documents = [row.document for row in bench.rows_for(recipe, 6, counter)]
    assert documents
    assert {document.source for document in documents} == {kind}
    assert all(document.metadata["answer"] for document in documents)


@pytest.mark.parametrize("pattern", bench.PROBLEMS)
def test_recipes_of_problems_have_twenty_documents_with_answers_and_those_of_the_passages_come_first(counter, pattern):
    passages = [document for document in bench.passages(counter) if "answer" in document.metadata]
    for recipe in bench.chosen([pattern]):
        documents = [row.document for row in bench.rows_for(recipe, 100, counter)]
        assert len({document.id for document in documents}) == len(documents) >= 20
        assert all(document.metadata["answer"] for document in documents)
        [kind] = {document.source for document in documents}
        first = [document.id for document in passages if document.source == kind]
        assert [document.id for document in documents[: len(first)]] == first


def test_options_of_choices_are_a_to_d_and_the_tests_of_code_accept_a_right_solution(counter):
    choice, python = bench.chosen(["verified/choice", "verified/python"])
    for row in bench.rows_for(choice, 100, counter):
        assert [line[:2] for line in row.document.text.splitlines()[-4:]] == ["A)", "B)", "C)", "D)"]
        assert row.document.metadata["answer"] in set("ABCD")
    for row in bench.rows_for(python, 100, counter):
        exec(row.document.metadata["answer"], dict(vars(problem_solutions)))


def test_recipes_of_code_get_code_files(counter):
    [style, tests] = bench.chosen(["code/style", "code/tests"])
    rows = bench.rows_for(style, 10, counter)
    assert {row.document.source for row in rows} == {"file"}
    assert sum(len(list(tests.steps[0].prompts(row, counter))) for row in bench.rows_for(tests, 10, counter)) >= 4


def test_further_documents_come_behind_the_passages_and_go_to_no_recipe_of_problems(counter):
    files = ["examples/crawl/notes.jsonl"]
    [easy, answer] = bench.chosen(["wrap/easy", "verified/answer"])
    passages = list(bench.passages(counter))
    documents = [row.document for row in bench.rows_for(easy, 100, counter, files)]
    assert documents[: len(passages)] == passages
    assert len(documents) == len(passages) + 4
    assert bench.rows_for(answer, 100, counter, files) == bench.rows_for(answer, 100, counter)


def test_only_recipes_that_can_are_held_to_json():
    recipes = {recipe.name: recipe for recipe in bench.chosen(["wrap/*", "mga/*"], structured=True)}
    assert recipes.keys() == {"wrap/qa", "mga/reformulate"}
    assert recipes["wrap/qa"].steps[0].structured
    shorter = bench.shortened(recipes["wrap/qa"], 100)
    assert '"maxItems":1}' in shorter.steps[0].form.schema_text, "its bounds follow from the tokens"


def test_each_step_tells_what_parsed_what_was_kept_and_what_failed(counter):
    [recipe] = bench.chosen(["wrap/qa"])
    rows = bench.rows_for(recipe, 4, counter)
    answers = itertools.cycle(ANSWERS)
    tables = asyncio.run(bench.played(recipe, rows, Scripted(lambda _: next(answers)), counter))
    [step] = steps_of(recipe, rows, tables, examples=1)
    assert (step["recipe"], step["step"]) == ("wrap/qa", "rewrite")
    assert step["requests"] == step["rows"] >= len(rows)
    assert 0 < step["parsed"] < step["finished"] < step["rows"]
    assert any(reason.startswith("parse:") for reason in step["reasons"])
    assert all(len(several) == 1 for several in step["examples"].values())
    page = markdown({"model": "m", "date": "d", "documents": 4, "tokens": 64, "steps": [step]})
    assert "| wrap/qa | rewrite |" in page
    assert "> I have no idea." in page


@pytest.mark.parametrize(
    ("parsed", "kept", "told"), [(3, 2, []), (4, 3, []), (2, 2, ["parsed"]), (3, 1, ["kept"]), (0, 0, ["parsed", "kept"])]
)
def test_what_was_better_before_is_told(parsed, kept, told):
    step = {"recipe": "wrap/qa", "step": "rewrite", "rows": 4, "judged": 4}
    lines = falls({"steps": [{**step, "parsed": parsed, "kept": kept}]}, {"steps": [{**step, "parsed": 3, "kept": 2}]})
    assert [line.split("fewer ")[1].split(":")[0] for line in lines] == told
    assert falls({"steps": [{**step, "parsed": 0, "kept": 0}]}, {"steps": []}) == []


def test_a_completion_is_no_longer_than_the_bench_allows(counter):
    [recipe] = bench.chosen(["wrap/easy"])
    seen: list[int] = []

    class Counting(Scripted):
        async def complete(self, requests):
            seen.extend(request.sampling.max_tokens for request in requests)
            return await super().complete(requests)

    asyncio.run(bench.played(recipe, bench.rows_for(recipe, 1, counter), bench.Capped(Counting("A text."), 100), counter))
    assert set(seen) == {100}
