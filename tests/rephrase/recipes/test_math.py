"""The recipes for mathematics: what their sources publish, and what comes of good, malformed and cut completions."""

from __future__ import annotations

import pytest

from classifiers.cascade import build_cascade
from classifiers.settings import Filter
from rephrase.recipes.base import Row
from rephrase.recipes.catalogue import catalogue
from rephrase.recipes.template import TemplateStep
from rephrase.records import Document
from rephrase.text.tokenizer import Tokenizer
from tests.classifiers.batches import batch
from tests.rephrase.recipes.play import cut, play

PAGE = (
    "Posted by ann99. A farmer has 40 m of fence around a field that is three times as long as it is wide. How wide is it? 5 m. Log in. "
    * 3
)
SOLUTION = (
    "Let $w$ be the width. Then $w + 3w + w + 3w = 8w$, so that $8w = 40$ and $w = 5$. The field is 5 m wide and 15 m long, as was asked. "
    * 4
)
PARTS = f"Task: How wide is the field?\n\nApproach: Add up the four sides.\n\nSolution: Step 1: {SOLUTION}\n\nAnswer: $\\boxed{{5}}$"
PAIRS = "Question: How wide is the field?\nAnswer: 5 m.\n\nQuestion: How long is it?\nAnswer: 15 m."
TALK = "\n\n".join(f"{who}: The four sides are 40 m together, so the width times eight is 40 m." for who in ("Anna", "Ben") * 4)


def step(name: str) -> TemplateStep:
    first = catalogue()[name].steps[0]
    assert isinstance(first, TemplateStep)
    return first


def test_cleaning_goes_by_the_numbers_of_nemotron_cc_math(tokenizer: Tokenizer) -> None:
    sampling = step("math/clean").sampling
    assert (step("math/clean").passage_tokens, sampling.temperature, sampling.top_p, sampling.top_k) == (5000, 0.7, 0.8, 20)
    row = Row(Document("d", "The tide rises twice. " * 2500))
    counts = tokenizer.count([row.document.text[slice(*prompt.span)] for prompt in step("math/clean").prompts(row, tokenizer)])
    assert len(counts) > 1
    assert max(counts) <= 5000


@pytest.mark.parametrize("style", ["tutor", "solution_steps"])
def test_solutions_are_sampled_as_swallow_maths(style: str) -> None:
    sampling = step(f"math/{style}").sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.2, 0.7, 8192)


def test_the_tutor_has_one_worked_example_whose_answer_is_marked() -> None:
    [(question, answer)] = step("math/tutor").examples
    assert "posted by" in question
    assert "posted by" not in answer
    assert answer.endswith("#### 5")


def test_conversations_are_minds_two_that_olmo_uses_on_whole_documents_of_at_least_fifty_tokens(tokenizer: Tokenizer) -> None:
    names = [name for name in catalogue() if name.startswith("math/mind_")]
    assert names == ["math/mind_two_students", "math/mind_problem_solving"]
    for name in names:
        assert step(name).passage_tokens is None
        assert "no code is run and no tool is used" in step(name).prompt
        assert play(name, SOLUTION, {"rewrite": "Anna: It is 5.\n\nBen: Yes."}, tokenizer).errors("rewrite") == ["parse:too_short"]


@pytest.mark.parametrize(
    ("name", "completion", "error", "start"),
    [
        ("math/clean", SOLUTION, None, "Let $w$"),
        ("math/clean", f"Here is the cleaned text:\n\n{SOLUTION}", None, "Let $w$"),
        ("math/clean", "Nothing of use on this page.", "rejected:flagged", ""),
        ("math/clean", cut(SOLUTION), "parse:truncated", ""),
        ("math/refine", SOLUTION, None, "Let $w$"),
        ("math/refine", "It is 5.", "parse:too_short", ""),
        ("math/tutor", SOLUTION, None, "Let $w$"),
        ("math/tutor", "It is 5.", "parse:too_short", ""),
        ("math/solution_steps", PARTS, None, "How wide is the field?\n\nAdd up"),
        ("math/solution_steps", SOLUTION, "parse:no_task", ""),
        ("math/solution_steps", PARTS.replace("Answer: $\\boxed{5}$", ""), "parse:no_answer", ""),
        ("math/textbook", SOLUTION, None, "Let $w$"),
        ("math/textbook", "A rectangle has four sides.", "parse:too_short", ""),
        ("math/mind_two_students", TALK, None, "Anna: The four"),
        ("math/mind_problem_solving", SOLUTION, "parse:no_dialogue", ""),
    ],
)
def test_completions_come_out_as_the_sources_say(
    name: str, completion: object, error: str | None, start: str, tokenizer: Tokenizer
) -> None:
    played = play(name, PAGE.strip(), {"rewrite": completion}, tokenizer)  # type: ignore[dict-item]
    assert played.errors("rewrite") == ([error] if error else [])
    assert all(text.startswith(start) for text in played.texts("rewrite"))
    assert len(played.texts("rewrite")) == (error is None)


def test_the_answer_of_a_worked_problem_stands_in_its_box_at_the_end(tokenizer: Tokenizer) -> None:
    [text] = play("math/solution_steps", PAGE.strip(), {"rewrite": PARTS}, tokenizer).texts("rewrite")
    assert text.endswith("Answer: $\\boxed{5}$")


def test_questions_are_extracted_and_their_answers_then_worked_out_beside_the_page(tokenizer: Tokenizer) -> None:
    better = PAIRS.replace("5 m.", "Eight widths are 40 m, so one is $40 / 8 = 5$ m.", 1)
    played = play("math/qa", PAGE.strip(), {"extract": f"Sure!\n\n{PAIRS}", "refine": better}, tokenizer)
    [prompt] = played.prompts["refine"]
    assert PAIRS in prompt
    assert PAGE.strip() in prompt
    assert played.texts("extract") == []
    assert played.texts("refine") == [better]


def test_a_page_without_questions_asks_for_no_refinement(tokenizer: Tokenizer) -> None:
    played = play("math/qa", PAGE.strip(), {"extract": "There are none."}, tokenizer)
    assert set(played.errors("extract")) == {"parse:no_questions"}
    assert played.rows["refine"] == []


def test_worked_solutions_with_wrong_arithmetic_and_broken_formulas_are_rejected_where_a_run_asks() -> None:
    checks = Filter(checks=["finished", "parsed", "arithmetic", "latex"])
    texts = ["So $40 / 8 = 5$ m.", "So $40 / 8 = 6$ m.", "So $40 / 8 = 5 m, as \\frac{1}{$ says."]
    assert build_cascade(checks).judge(batch(texts, recipe="math/tutor"))[0] == ["keep", "arithmetic", "latex"]


def test_the_default_checks_keep_what_the_recipes_write() -> None:
    texts = {"math/tutor": SOLUTION, "math/textbook": SOLUTION, "math/mind_two_students": TALK, "math/qa": PAIRS}
    for name, text in texts.items():
        [verdict], [scores] = build_cascade(
            Filter(checks=["finished", "parsed", "chatter", "commentary", "length", "copied", "facts"])
        ).judge(batch([text], PAGE, recipe=name))
        assert verdict == "keep", (name, scores)
