"""Reasoning that is kept because a verifier passed it."""

from __future__ import annotations

import pytest

from rephrase.errors import UserError
from rephrase.records import Document
from tests.rephrase.recipes.play import cut, play
from tests.rephrase.recipes.test_families import REFUSAL

PROBLEM = Document(
    "p", "A box holds 3 pens. How many pens do 4 boxes hold?", metadata={"answer": "3 * 4 = 12\n#### 12", "tests": "assert f(2) == 4"}
)


def test_only_right_candidates_are_kept_with_their_reasoning(tokenizer):
    candidates = [
        "3 times 4 is 12.\n#### 12",
        "It is 7.\n#### 7",
        "Four threes make \\boxed{12.0}.",
        cut("3 times"),
        REFUSAL,
        "3 times 4 is 12.\n#### 12",
    ]
    played = play("verified/answer", PROBLEM, {"solve": candidates}, tokenizer, samples=6)
    assert played.texts("solve") == [f"{PROBLEM.text}\n\n{candidates[0]}", f"{PROBLEM.text}\n\n{candidates[2]}"]
    assert sorted(played.errors("solve")) == ["parse:truncated", "rejected:more_than_wanted", "rejected:wrong", "rejected:wrong"]
    assert played.fields("solve")[0]["right"] == 3
    one = play("verified/answer", PROBLEM, {"solve": candidates}, tokenizer, samples=6, keep=1)
    assert len(one.texts("solve")) == 1


def test_a_problem_without_its_answer_is_an_error_that_says_what_to_do(tokenizer):
    with pytest.raises(UserError, match=r"no `answer` in its metadata.*input\.fields\.also"):
        play("verified/answer", Document("p", "1 + 1?"), {}, tokenizer)


def test_the_majority_decides_where_no_answer_is_known(tokenizer):
    candidates = ["#### 12", "#### 12.0", "so \\boxed{12}", "#### 7", "no idea"]
    problem = Document("p", "3 times 4?")
    played = play("verified/majority", problem, {"solve": candidates}, tokenizer, samples=5, keep=3)
    assert len(played.texts("solve")) == 3
    assert played.fields("solve")[0]["of"] == 5
    split = play("verified/majority", problem, {"solve": ["#### 1", "#### 2", "#### 1", "#### 2"]}, tokenizer, samples=4)
    assert split.texts("solve") == [], "a half is no majority"


def test_code_is_kept_if_it_passes_the_tests(tokenizer):
    candidates = [
        "```python\ndef f(x):\n    return 2 * x\n```",
        "```python\ndef f(x):\n    return x\n```",
        "```python\nraise SystemExit(0)\n```",
    ]
    played = play("verified/python", PROBLEM, {"solve": candidates}, tokenizer, samples=3, expected="tests")
    assert [candidates[0] in text for text in played.texts("solve")] == [True]
    assert played.errors("solve") == ["rejected:wrong"] * 2


def test_multiple_choice_and_a_users_own_command(tokenizer, tmp_path):
    question = Document("q", "What is wet? (A) fire (B) water", metadata={"answer": "B"})
    candidates = ["Fire burns, water is wet. The answer is (B)", "The answer is (A)", "both"]
    played = play("verified/choice", question, {"solve": candidates}, tokenizer, samples=3)
    assert len(played.texts("solve")) == 1
    script = tmp_path / "verify.sh"
    script.write_text('#!/bin/sh\ngrep -q "$EXPECTED"\n')
    script.chmod(0o755)
    proof = Document("t", "Prove it.", metadata={"answer": "QED"})
    played = play("verified/command", proof, {"solve": ["Thus QED.", "I give up."]}, tokenizer, samples=2, command=str(script))
    assert played.texts("solve") == ["Prove it.\n\nThus QED."]


PROGRAM = "```python\ndef solution():\n    pens_in_a_box = 3\n    boxes = 4\n    pens = pens_in_a_box * boxes\n    return pens\n```"
TALK = "\n\n".join(
    f"{who}: Each box holds three pens, and there are four boxes, so that makes 12 pens in all." for who in ("Ann", "Ben") * 3
)


def test_programs_are_run_annotated_and_told_as_conversations(tokenizer):
    played = play("tinygsm/mind", PROBLEM, {"program": PROGRAM, "conversation": TALK}, tokenizer, mistakes=0.0)
    assert played.fields("program")[0]["program"].splitlines()[2] == "pens = pens_in_a_box * boxes  # 12"
    assert len(played.prompts["conversation"]) == 2, "two students, and problem solving"
    assert "pens = pens_in_a_box * boxes  # 12" in played.prompts["conversation"][0]
    assert played.texts("conversation") == [TALK] * 2
    wrong_talk = TALK.replace("12", "112")
    assert (
        play("tinygsm/mind", PROBLEM, {"program": PROGRAM, "conversation": wrong_talk}, tokenizer).errors("conversation")
        == ["rejected:wrong"] * 2
    )


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (PROGRAM.replace("boxes = 4", "boxes = 5"), "rejected:wrong"),
        (PROGRAM.replace("boxes = 4", "import os"), "parse:program:statement"),
        (PROGRAM.replace("boxes = 4", "boxes = __import__('os').getpid()"), "parse:program:expression"),
        (PROGRAM.replace("boxes = 4", "boxes = 4 / 0"), "parse:program:division_by_zero"),
        (PROGRAM.replace("boxes = 4", "boxes = 9 ** 9 ** 9"), "parse:program:expression"),
        (PROGRAM.replace("boxes = 4", "for boxes in (4,): pass"), "parse:program:statement"),
        (PROGRAM.replace("solution()", "solution(n)"), "parse:program:arguments"),
        (PROGRAM.replace("boxes = 4", "boxes = " + "+".join("1" * 400)), "parse:program:too_large"),
        (PROGRAM.replace("boxes = 4", "boxes = 1e999"), "parse:program:too_large"),
        (PROGRAM.replace("boxes = 4", "boxes = 1e300 / 7"), "rejected:wrong"),
        (PROGRAM.replace("boxes = 4", "boxes = 4  # " + "four " * 5000), "parse:program:too_long"),
        (REFUSAL, "parse:program:syntax"),
        (cut(PROGRAM), "parse:truncated"),
    ],
)
def test_only_assignments_that_come_to_the_answer_pass(program, error, tokenizer):
    played = play("tinygsm/mind", PROBLEM, {"program": program}, tokenizer)
    assert played.errors("program") == [error]
    assert played.prompts["conversation"] == []


def test_the_right_answer_is_no_text_to_look_for_a_number_in(tokenizer):
    half = Document("p", "Half of it?", metadata={"answer": r"\frac{1}{2}"})
    played = play("tinygsm/mind", half, {"program": ["part = 2", "part = 1 / 2"], "conversation": TALK}, tokenizer, samples=2)
    assert played.errors("program") == ["rejected:wrong"]
    assert [fields["value"] for fields in played.fields("program") if fields.get("program")] == ["0.5"]


def test_results_of_any_size_are_told(tokenizer):
    large = Document("p", "How much?")
    program = f"share = {10**320} / 3"
    told = TALK.replace("12", f"{10**320}/3")
    assert play("tinygsm/mind", large, {"program": program, "conversation": told}, tokenizer).texts("conversation") == [told] * 2


def test_some_conversations_make_a_mistake_and_mend_it(tokenizer):
    played = play("tinygsm/mind", PROBLEM, {"program": PROGRAM, "conversation": TALK}, tokenizer, mistakes=1.0)
    assert all("first gets pens wrong, as 7 instead of 12" in prompt for prompt in played.prompts["conversation"])
    assert all(fields["mistake"] for fields in played.fields("conversation"))
