"""Thinking as training text: traces, questions that need reasoning, traces written anew, and mistakes that are repaired."""

from __future__ import annotations

import pytest

from rephrase.engines.base import Completion
from rephrase.errors import UserError
from rephrase.recipes.catalogue import catalogue, recipes_of
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from tests.rephrase.recipes.play import cut, play
from tests.rephrase.recipes.test_families import REFUSAL

PASSAGE = ("The tide rises twice a day because the Moon pulls the sea. Sailors wait for it in the harbour. " * 12).strip()
THINKING = (
    "Why twice, when the Earth turns under the Moon once a day? Because the far side bulges too: the pull is weaker there, "
    "and so the water lags behind. Say it simply: one bulge is drawn off the Earth, from the other the Earth is drawn off."
    " Both pass a harbour daily."
)
QUESTION = "Two bodies of equal mass circle each other. How many high tides a day does a sea on one of them have?"
ANSWER = (
    "There is a bulge on the near side and one on the far side. A point of the sea turns under both of them in a day, and has high water "
    "under each. The bulge on the far side is there because the pull is weaker than what holds the body on its way. The "
    "answer is two."
)
EXPECTED = {"answer": "#### 12", "letter": "B", "tests": "assert f(3) == 12"}
PROBLEM = Document("p", "A box holds 3 pens. How many pens do 4 boxes hold?", metadata=EXPECTED)
REPAIR = "Mistake: The second step adds 3 and 4, where it should multiply.\nSolution: Four boxes of 3 pens hold 3 * 4 = 12 pens.\n#### 12"


def thinks(reasoning: str, answer: str = "") -> Completion:
    return Completion(f"<think>\n{reasoning}\n</think>\n\n{answer}" if answer else f"<think>\n{reasoning}", "stop", 1, 10)


@pytest.mark.parametrize("completion", [thinks(THINKING), thinks(THINKING, "In short, two bulges."), THINKING])
def test_a_trace_is_the_passage_and_the_thinking_behind_it_whatever_kind_of_model_thinks(completion, tokenizer):
    played = play("thinking/trace", PASSAGE, {"rewrite": completion}, tokenizer)
    assert played.texts("rewrite") == [f"{PASSAGE}\n\n{THINKING}"]
    assert played.prompts["rewrite"][0].startswith(PASSAGE), "the instruction comes after the document (TPT, section 2)"


@pytest.mark.parametrize(("completion", "error"), [("<think>\n\n</think>\n", "parse:empty"), (REFUSAL, "parse:too_short")])
def test_a_trace_that_says_nothing_is_an_error(completion, error, tokenizer):
    assert play("thinking/trace", PASSAGE, {"rewrite": completion}, tokenizer).errors("rewrite") == [error]


def test_the_numbers_of_the_papers():
    steps = {name: catalogue()[f"thinking/{name}"].steps for name in ("trace", "rqa", "rewrite")}
    [trace] = steps["trace"]
    sampling = trace.sampling
    assert (trace.passage_tokens, sampling.max_tokens, sampling.temperature, sampling.top_p) == (2000, 8000, 0.6, 0.9)
    assert sampling.stop == ("</think>",)
    question, answer = steps["rqa"]
    assert (question.first_characters, question.sampling.max_tokens) == (4096, 8192)
    assert answer.parser_settings["max_characters"] == 8192
    [rewrite] = steps["rewrite"]
    assert "less than half as long" in rewrite.options["manners"][0]


def test_a_question_is_asked_on_a_passage_and_answered_without_it(tokenizer):
    document = f"{PASSAGE} {'The sea is wide. ' * 400}"
    scripts = {"question": thinks("Tides …", f"<question>{QUESTION}</question>"), "answer": thinks("One bulge, then …", ANSWER)}
    played = play("thinking/rqa", document, scripts, tokenizer)
    [shown] = played.prompts["question"]
    assert PASSAGE in shown
    assert 4000 < len(shown.partition("Text:\n")[2]) <= 4096
    [asked] = played.prompts["answer"]
    assert QUESTION in asked
    assert "Sailors" not in asked
    assert played.texts("answer") == [f"{QUESTION}\n\nOne bulge, then …\n\n{ANSWER}"]
    assert played.fields("answer")[0]["question"] == QUESTION


@pytest.mark.parametrize(
    ("document", "question", "answer", "step", "errors"),
    [
        (PASSAGE, "I would ask about tides.", ANSWER, "question", ["parse:no_tag"]),
        (PASSAGE, cut(f"<question>{QUESTION}</question>"), ANSWER, "question", ["parse:truncated"]),
        (PASSAGE, f"<question>{QUESTION}</question>", "So it is. " * 820, "answer", ["parse:too_long"]),
        (PASSAGE, f"<question>{QUESTION}</question>", thinks("On and on"), "answer", ["parse:empty"]),
        ("The tide rises. " * 20, "", "", "question", []),
    ],
    ids=["no question", "cut", "above 8,192 characters", "no answer", "below 1,000 characters"],
)
def test_what_the_report_drops_is_dropped(document, question, answer, step, errors, tokenizer):
    played = play("thinking/rqa", document.strip(), {"question": question, "answer": answer}, tokenizer)
    assert played.errors(step) == errors
    assert played.texts("answer") == []


def test_a_trace_is_written_anew_in_a_manner_that_is_drawn_or_given(tokenizer):
    played = play("thinking/rewrite", PASSAGE, {"rewrite": THINKING}, tokenizer, draws=6)
    assert len({prompt.partition("anew: ")[2].partition(":")[0] for prompt in played.prompts["rewrite"]}) > 1
    assert played.texts("rewrite") == [THINKING] * 6
    given = play("thinking/rewrite", PASSAGE, {"rewrite": cut(THINKING)}, tokenizer, manners=["in verse"])
    assert "Write it anew: in verse." in given.prompts["rewrite"][0]
    assert given.errors("rewrite") == ["parse:truncated"]


def test_a_mistake_is_kept_where_the_wrong_answer_is_wrong_and_the_repaired_one_right(tokenizer):
    attempts = ["3 + 4 = 7 pens.\n#### 7", "3 * 4 = 12 pens.\n#### 12", "Nobody knows.", cut("3 + 4"), "3 * 3 = 9.\n#### 9"]
    repairs = [REPAIR, REPAIR.replace("12", "13")]
    played = play("thinking/errors", PROBLEM, {"attempt": attempts, "repair": repairs}, tokenizer, samples=5)
    assert sorted(played.errors("attempt")) == ["parse:truncated", "rejected:no_answer", "rejected:right"]
    assert played.errors("repair") == ["rejected:wrong"]
    [text] = played.texts("repair")
    parts = [PROBLEM.text, attempts[0], "The second step adds", "Four boxes of 3 pens"]
    assert [text.find(part) for part in parts] == sorted(text.find(part) for part in parts)
    assert all(part in text for part in parts)
    [fields] = played.fields("repair")
    assert (fields["wrong"], fields["answer"], fields["attempt"], fields["problem"]) == ("7", "12", attempts[0], PROBLEM.text)
    assert "#### 12" not in played.prompts["repair"][0], "who repairs is not told the answer"


def test_as_many_repairs_of_a_problem_are_kept_as_are_wanted(tokenizer):
    wrong = {"attempt": ["#### 7", "#### 8", "#### 9"], "repair": REPAIR}
    assert play("thinking/errors", PROBLEM, wrong, tokenizer, samples=3).errors("repair") == ["rejected:more_than_wanted"] * 2
    assert len(play("thinking/errors", PROBLEM, wrong, tokenizer, samples=3, keep=None).texts("repair")) == 3


def test_mistakes_are_asked_for_by_kind_or_not_at_all(tokenizer):
    planted = play("thinking/errors", PROBLEM, {"attempt": "#### 7", "repair": REPAIR}, tokenizer).prompts["attempt"]
    assert len(set(planted)) == 4
    assert all("one mistake on the way" in prompt for prompt in planted)
    natural = play("thinking/errors", PROBLEM, {"attempt": "#### 7", "repair": REPAIR}, tokenizer, planted=False).prompts["attempt"]
    assert not any("mistake" in prompt for prompt in natural)


@pytest.mark.parametrize(
    ("verifier", "key", "wrong", "right"),
    [
        ("choice", "letter", "It burns. The answer is (A).", "It flows. The answer is (B)."),
        ("python", "tests", "```python\ndef f(x):\n    return x + 4\n```", "```python\ndef f(x):\n    return x * 4\n```"),
    ],
)
def test_letters_and_programs_are_verified_on_both_sides_too(verifier, key, wrong, right, tokenizer):
    scripts = {"attempt": [wrong, right], "repair": f"Mistake: It adds.\nSolution: {right}"}
    played = play("thinking/errors", PROBLEM, scripts, tokenizer, verifier=verifier, expected=key, samples=2)
    assert played.errors("attempt") == ["rejected:right"]
    assert [right in text for text in played.texts("repair")] == [True]


def test_a_problem_without_its_answer_is_an_error_that_says_what_to_do(tokenizer):
    with pytest.raises(UserError, match=r"no `answer` in its metadata.*input\.fields\.also"):
        play("thinking/errors", Document("p", "1 + 1?"), {}, tokenizer)


def test_limits_of_programs_are_refused_where_no_program_is_run():
    recipes_of([RecipeUse(use="thinking/errors", options={"verifier": "python", "seconds": 3})])
    with pytest.raises(ValueError, match="`seconds` limits programs"):
        recipes_of([RecipeUse(use="thinking/errors", options={"seconds": 3})])
