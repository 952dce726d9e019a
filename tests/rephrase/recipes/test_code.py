"""The recipes of code: two passes, translation, review and teaching, and what must pass tests in the sandbox."""

from __future__ import annotations

import pytest

from classifiers.cascade import build_cascade
from classifiers.settings import Filter
from rephrase.errors import UserError
from rephrase.recipes.catalogue import catalogue, options_of, recipes_of
from rephrase.recipes.use import RecipeUse
from rephrase.records import Document
from rephrase.verifiers.kinds import Verifier
from tests.classifiers.batches import batch
from tests.rephrase.recipes.play import cut, play

FILE = """\
import sys
from statistics import fmean

LIMIT = 10

def m(v):
    o = sorted(v)
    n = len(o) // 2
    if len(o) % 2:
        return o[n]
    return (o[n - 1] + o[n]) / 2


def capped(value):
    return min(value, LIMIT) if value > 0 else 0


if __name__ == "__main__":
    print(m([float(a) for a in sys.argv[1:]]), fmean([1, 2]))
"""
STYLED = '''\
"""The median of numbers."""


def median(values: list[float]) -> float:
    """Return the middle of the values, or the mean of the two in the middle."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2'''
ALONE = STYLED.replace("    ordered =", '    if not values:\n        raise ValueError("there are no values")\n    ordered =')
NEEDY = STYLED.replace("sorted(values)", "ordered_values(values)")


def block(content: str, language: str = "python") -> str:
    return f"```{language}\n{content}\n```"


def graded(content: str) -> str:
    return f"Evaluation: 5\nSuggestions:\n- name the function after what it gives\nImproved code:\n{block(content)}\nIt is now clear."


def verdict(text: str, recipe: str, source: str = FILE) -> str:
    rows = batch([text], source, recipe, prompts={recipe: catalogue()[recipe].wording})
    return build_cascade(Filter()).judge(rows)[0][0]


def test_the_numbers_of_swallowcode():
    recipes = catalogue()
    passes = [*recipes["code/style"].steps, *recipes["code/self_contained"].steps]
    assert [step.name for step in passes] == ["rewrite", "style", "self_contained"], "two passes"
    for step in passes:
        sampling = step.sampling
        assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.2, 0.7, 8192)
        assert step.passage_tokens is None, "each file is whole"
        assert step.parser_settings["min_characters"] == 51, "answers of 50 characters and fewer are dropped"
        assert (step.drop_truncated, step.retries, step.samples) == (True, 0, 1)
    assert passes[0].prompt == passes[1].prompt
    assert "\n10. " in passes[1].prompt, "ten points of style"
    assert "a grade from 1 to 10" in passes[1].prompt
    assert "\n9. " in passes[2].prompt, "nine of code that stands alone"


def test_a_file_goes_through_both_passes(tokenizer):
    played = play("code/self_contained", FILE, {"style": graded(STYLED), "self_contained": f"Done:\n{block(ALONE)}"}, tokenizer)
    assert FILE.strip() in played.prompts["style"][0]
    assert STYLED in played.prompts["self_contained"][0]
    assert "import sys" not in played.prompts["self_contained"][0], "the second pass sees what the first wrote"
    assert played.texts("style") == [], "what has not been through the second is no training text"
    assert played.texts("self_contained") == [ALONE]
    [first], [second] = played.rows["style"], played.rows["self_contained"]
    assert second["lineage"] == [first["id"]]
    assert (second["span_start"], second["span_end"]) == (0, len(FILE))
    assert verdict(ALONE, "code/self_contained") == "keep"


@pytest.mark.parametrize(
    ("first", "error"),
    [
        ("Evaluation: 9\nNothing is to be improved.", "parse:no_code"),
        (graded(f"{STYLED} +"), "parse:syntax"),
        (graded("x = 1"), "parse:too_short"),
        (cut(graded(STYLED)), "parse:truncated"),
    ],
)
def test_what_fails_the_first_pass_does_not_come_to_the_second(first, error, tokenizer):
    played = play("code/self_contained", FILE, {"style": first, "self_contained": block(ALONE)}, tokenizer)
    assert played.errors("style") == [error]
    assert played.rows["self_contained"] == []


@pytest.mark.parametrize(("second", "error"), [(block(NEEDY), "rejected:not_self_contained"), (block(f"{ALONE} +"), "parse:syntax")])
def test_what_fails_the_second_pass_gives_nothing(second, error, tokenizer):
    played = play("code/self_contained", FILE, {"style": graded(STYLED), "self_contained": second}, tokenizer)
    assert played.errors("self_contained") == [error]
    assert played.texts("style") == played.texts("self_contained") == []


def test_a_file_in_good_style_is_kept(tokenizer):
    played = play("code/style", FILE, {"rewrite": graded(STYLED)}, tokenizer)
    assert played.texts("rewrite") == [STYLED]
    assert verdict(STYLED, "code/style") == "keep"
    assert verdict("# The revised passage is shorter.\n" + STYLED, "code/style") == "commentary"


def test_code_is_translated_to_a_language_of_the_list_or_to_the_one_that_is_named(tokenizer):
    rust = "fn capped(value: i64) -> i64 {\n    if value > 0 { value.min(10) } else { 0 }\n}"
    played = play("code/translate", FILE, {"rewrite": block(rust, "rust")}, tokenizer, languages=["Rust"])
    assert played.prompts["rewrite"][0].startswith("Translate the code below into Rust.")
    assert played.texts("rewrite") == [rust]
    assert played.fields("rewrite") == [{"target": "Rust"}]
    wrong = play("code/translate", FILE, {"rewrite": block(STYLED)}, tokenizer, languages=["Rust"])
    assert wrong.errors("rewrite") == ["parse:other_language"]
    drawn = {
        play("code/translate", Document(str(n), FILE), {"rewrite": ""}, tokenizer).prompts["rewrite"][0].split(" into ")[1].split(".")[0]
        for n in range(40)
    }
    assert len(drawn) > 4
    assert drawn <= set(options_of("code/translate")["languages"])
    assert verdict(FILE, "code/translate") == "copied", "asked for in the language that it is in"


REVIEW = "\n\n".join(
    f"{who}: {what}"
    for who, what in (
        ("Reviewer", "What does `m` give for an empty list? `o[n]` raises an IndexError there, and no caller would guess why."),
        ("Author", "True. I would raise a ValueError that says so:\n\n```python\nif not v:\n    raise ValueError('no values')\n```"),
        ("Reviewer", "Good. The names `m`, `v` and `o` say nothing; `median`, `values` and `ordered` would."),
        ("Author", "I agree, and I will add a test of an even number of values, as that branch has none."),
    )
)


def test_a_review_is_a_conversation_of_the_two_behind_the_code(tokenizer):
    played = play("code/review", FILE, {"rewrite": f"Here is the review:\n\n{REVIEW}"}, tokenizer)
    assert played.texts("rewrite") == [f"{FILE}\n\n{REVIEW}"]
    assert verdict(f"{FILE}\n\n{REVIEW}", "code/review") == "keep"
    listed = "Issues: the list may be empty.\nNames: they say nothing.\n" * 10
    assert play("code/review", FILE, {"rewrite": listed}, tokenizer).errors("rewrite") == ["parse:no_dialogue"]
    alone = REVIEW.replace("Author:", "Then:")
    assert play("code/review", FILE, {"rewrite": alone}, tokenizer).errors("rewrite") == ["parse:no_dialogue"]


EXPLANATION = (
    "The program prints the median of its arguments. `m` sorts the values into `o` and finds the middle index `n`. With an odd number of "
    "values, the one at `n` is the median; with an even number it is the mean of the two beside the middle. For 3, 1 and 2 the sorted list "
    "is 1, 2, 3, so `n` is 1 and the result is 2. An empty list makes `o[n]` fail with an IndexError, which the caller has to expect."
)


def test_an_explanation_stands_behind_its_code_and_a_textbook_alone(tokenizer):
    explained = play("code/explain", FILE, {"rewrite": EXPLANATION}, tokenizer).texts("rewrite")
    assert explained == [f"{FILE}\n\n{EXPLANATION}"]
    assert verdict(explained[0], "code/explain") == "keep"
    section = f"{EXPLANATION}\n\n{block(STYLED)}\n\n{EXPLANATION.replace('median', 'middle value')}"
    assert play("code/textbook", FILE, {"rewrite": section}, tokenizer).texts("rewrite") == [section]
    for name in ("explain", "textbook"):
        assert play(f"code/{name}", FILE, {"rewrite": "It is clear."}, tokenizer).errors("rewrite") == ["parse:too_short"]


STRONG = {
    "m": "def test_m():\n    assert [m([1, 3, 2]), m([4, 1]), m([5]), m([4, 1, 3, 2])] == [2, 2.5, 5, 2.5]",
    "capped": "def test_capped():\n    assert [capped(v) for v in (-2, 0, 1, 9, 12)] == [0, 0, 1, 9, 10]",
}
WEAK = {"m": "def test_m():\n    assert m([1]) == 1", "capped": "def test_capped():\n    assert capped(3) == 3"}


def answer(tests: dict[str, str]):
    """Tests for the function that a prompt names."""
    return lambda prompt: f"These cover all branches:\n{block(next(text for name, text in tests.items() if f'`{name}` of' in prompt))}"


def test_tests_are_kept_that_the_function_passes_and_its_mutants_fail(tokenizer):
    played = play("code/tests", FILE, {"tests": answer(STRONG)}, tokenizer)
    first, second = played.rows["tests"]
    assert first["text"] == f"{FILE[FILE.index('def m') : FILE.index('def capped')].strip()}\n\n\n{STRONG['m']}"
    assert second["text"].startswith("LIMIT = 10\n\n\ndef capped"), "with what the function needs"
    assert FILE[first["span_start"] : first["span_end"]].startswith("def m(v)")
    for fields in played.fields("tests"):
        assert fields["tests"] == STRONG[fields["function"]]
        assert fields["mutants"] <= 8
        assert fields["killed"] >= 0.75 * fields["mutants"]
    assert verdict(first["text"], "code/tests") == "keep"


def test_tests_that_mutants_pass_or_the_function_fails_are_rejected_with_the_reason(tokenizer):
    weak = play("code/tests", FILE, {"tests": answer(WEAK)}, tokenizer, functions=1)
    assert weak.errors("tests") == ["rejected:weak_tests"]
    assert '"reason":"mutants pass: ' in weak.rows["tests"][0]["fields"]
    assert play("code/tests", FILE, {"tests": answer(WEAK)}, tokenizer, functions=1, killed=0.1).errors("tests") == []
    wrong = {name: text.replace("==", "!=") for name, text in WEAK.items()}
    failing = play("code/tests", FILE, {"tests": answer(wrong)}, tokenizer, functions=1)
    assert failing.errors("tests") == ["rejected:wrong"]
    assert '"reason":"AssertionError' in failing.rows["tests"][0]["fields"]
    broken = ["No tests are needed.", block("assert m("), cut(block(STRONG["m"]))]
    errors = [play("code/tests", FILE, {"tests": completion}, tokenizer, functions=1).errors("tests")[0] for completion in broken]
    assert errors == ["parse:no_code", "parse:syntax", "parse:truncated"]


def test_tests_that_look_at_no_result_are_rejected_though_most_mutants_fail_by_an_error_of_their_own(tokenizer):
    document = "def greeting(name, title):\n    return 'Dear ' + title + ' ' + name + '.'\n"
    calls = "def test_greeting():\n    greeting('Ada', 'Dr')\n    assert True"
    played = play("code/tests", document, {"tests": block(calls)}, tokenizer)
    assert played.errors("tests") == ["rejected:weak_tests"]
    assert "look at no result" in played.rows["tests"][0]["fields"]
    checks = calls.replace("    greeting", "    assert greeting").replace("\n    assert True", " == 'Dear Dr Ada.'")
    assert play("code/tests", document, {"tests": block(checks)}, tokenizer).errors("tests") == []


@pytest.mark.parametrize("document", ["No code at all.", "fn main() {}", "import numpy\n\ndef f(x):\n    return numpy.sum(x) + 1\n"])
def test_documents_without_a_function_that_can_be_tested_are_asked_for_nothing(document, tokenizer):
    assert play("code/tests", document, {}, tokenizer).rows["tests"] == []


@pytest.mark.parametrize("name", ["code/tests", "code/concepts"])
def test_the_doctor_is_told_that_programs_will_be_run(name):
    [recipe] = recipes_of([RecipeUse(use=name, options={"seconds": 3, "memory_mib": 128})])
    assert recipe.steps[-1].verifier == Verifier("python", seconds=3, memory_mib=128)


PROBLEM = "Write a function `double(x: int) -> int` that gives x ** 2 where x is odd and 2 * x otherwise. double(2) is 4, double(3) is 9."
SOLUTION = "def double(x: int) -> int:\n    return x**2 if x % 2 else 2 * x"
TESTS = "def test_double():\n    assert [double(2), double(3), double(0)] == [4, 9, 0]"


def test_problems_on_concepts_are_kept_where_the_solution_passes_its_tests(tokenizer):
    right = f"Odd numbers are squared.\n{block(SOLUTION)}\nTests:\n{block(TESTS)}"
    answers = [right, right.replace("9, 0", "6, 0"), block(SOLUTION), "I cannot.", cut(right)]
    played = play("code/concepts", None, {"problem": f"**Problem:** {PROBLEM}", "solve": answers}, tokenizer, samples=5, count=2)
    assert played.texts("solve") == [f"{PROBLEM}\n\n{block(SOLUTION)}"]
    errors = ["rejected:wrong", "parse:no_tests", "parse:no_code", "parse:truncated"]
    assert played.errors("solve") == errors
    [fields] = played.fields("solve")
    assert (fields["problem"], fields["solution"], fields["tests"]) == (PROBLEM, SOLUTION, TESTS)
    assert fields["concept"] in played.prompts["problem"][0]
    assert '"reason":"AssertionError' in played.rows["solve"][1]["fields"]
    assert verdict(played.texts("solve")[0], "code/concepts", "recursion; sets; a beginner") == "keep"
    assert play("code/concepts", None, {"problem": PROBLEM}, tokenizer, count=1).errors("problem") == ["parse:no_problem"]


def test_concepts_are_many_and_may_be_the_users(tmp_path):
    [recipe] = recipes_of([RecipeUse(use="code/concepts", options={"count": 300})])
    rows = list(recipe.rows.documents())
    assert rows == list(recipe.rows.documents())
    assert len({row.metadata["concept"] for row in rows}) >= 60
    assert all(row.metadata["concept"] != row.metadata["other"] for row in rows)
    (tmp_path / "mine.txt").write_text("monads\nlenses\n")
    [mine] = recipes_of([RecipeUse(use="code/concepts", options={"count": 5, "concepts": str(tmp_path / "mine.txt")})])
    assert {row.metadata["concept"] for row in mine.rows.documents()} <= {"monads", "lenses"}
    assert mine.digest != recipe.digest


def test_solutions_whose_tests_look_at_no_result_are_rejected(tokenizer):
    calls = "def test_double():\n    double(2)\n    assert True"
    answer = f"{block(SOLUTION.replace('2 * x', '3 * x'))}\n{block(calls)}"
    played = play("code/concepts", None, {"problem": f"Problem: {PROBLEM}", "solve": answer}, tokenizer, count=2)
    assert played.errors("solve") == ["rejected:weak_tests"]


def test_fewer_than_two_concepts_are_no_list_of_concepts():
    with pytest.raises(UserError, match=r"option `concepts`.*of concepts there are 1"):
        recipes_of([RecipeUse(use="code/concepts", options={"concepts": ["recursion"]})])
