from __future__ import annotations

from fractions import Fraction

import pytest

from rephrase.verifiers.answers import final_answer, same_answer
from rephrase.verifiers.kinds import Verifier, choice
from rephrase.verifiers.programs import ProgramError, run_program

GOLD = ["18", "3", "70000", "0.5", "-4", "12.25", "1234567"]


@pytest.mark.parametrize("gold", GOLD)
def test_an_answer_verifies_in_all_its_surface_forms_and_another_does_not(gold):
    value, verifier = Fraction(gold), Verifier("answer")
    grouped = f"{int(value):,}" if value.denominator == 1 else gold
    forms = [
        f"So the total is {gold}.",
        f"We get $\\boxed{{{gold}}}$.",
        f"The answer is {gold} dollars.",
        f"Work.\n#### {grouped}",
        f"Thus $\\boxed{{{grouped.replace(',', '{,}')}}}$.",
        f"\\boxed{{\\frac{{{value.numerator * 2}}}{{{value.denominator * 2}}}}}",
        f"The final answer is: **{float(value):.2f}**",
    ]
    for form in forms:
        assert verifier.verify(form, f"reasoning\n#### {gold}").right, form
        for other in GOLD:
            if other != gold:
                assert not verifier.verify(form, f"#### {other}").right, (form, other)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("50%", "50", True),
        ("50%", "0.5", True),
        ("$1,234.50", "1234.5", True),
        ("3 1/2", "3.5", True),
        (r"70{,}000", "70000", True),
        (r"1\,450\,000", "1450000", True),
        (r"70{,}00", "7000", False),
        ("1/3", "0.333333333", True),
        ("0.33", "1/3", False),
        ("2x+1", "1+2*x", True),
        ("x^2-1", "(x-1)(x+1)", True),
        ("x^2-1", "(x-1)^2", False),
        (r"\sqrt{8}", r"2\sqrt{2}", True),
        (r"\frac{\pi}{2}", "pi/2", True),
        ("(1,2)", "(1, 2)", True),
        ("(1,2)", "(2,1)", False),
        ("5 apples", "5", True),
        ("x = 5", "5", True),
        ("apples", "5", False),
        ("12 minutes 30 seconds", "12", False),
        ("Yes", "yes", True),
        ("", "5", False),
        ("9" * 300, "9", False),
    ],
)
def test_values_are_compared_and_not_strings(first, second, same):
    assert same_answer(first, second) is same


@pytest.mark.parametrize(
    "bomb", ["9**9**9**9", "(" * 150 + "1" + ")" * 150, "__import__('os').system('ls')", "[1 for x in 'a'*9**9]", "1e999999"]
)
def test_hostile_answers_are_wrong_and_cost_nothing(bomb):
    assert not same_answer(bomb, "5")


def test_the_final_answer_is_found():
    assert final_answer("First 3, then 4.\n#### 12") == "12"
    assert final_answer(r"thus \boxed{\frac{1}{2}} and \boxed{\sqrt{3}}.") == r"\sqrt{3}"
    assert final_answer("The answer is 7 apples. Hope this helps!") == "7 apples"
    assert final_answer("There are 3 boxes, so 1,200 pens") == "1,200"
    assert final_answer("I do not know") is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is (C).", "C"),
        ("**B**", "B"),
        (r"\boxed{D}", "D"),
        ("B) because", "B"),
        ("I think (A), no, (B)", "B"),
        ("A dog barks", None),
    ],
)
def test_letters_of_multiple_choice(text, letter):
    assert choice(text) == letter


def test_programs_are_run_exactly():
    done = run_program("def f():\n    '''doc'''\n    third = 1 / 3\n    whole = third * 3\n    return round(whole) + max(1, 2)\n")
    assert done.value == 3
    assert done.lines[1][2] == 1
    assert done.annotated.splitlines() == ["third = 1 / 3  # 1/3", "whole = third * 3  # 1", "return round(whole) + max(1, 2)  # 3"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("x = y", "unknown_name"),
        ("x = 1\nx.__class__", "statement"),
        ("x = (lambda: 1)()", "expression"),
        ("x = [1][0]", "expression"),
        ("x = 'a' * 10**9", "expression"),
        ("x = 10 ** 64\ny = x ** 64", "too_large"),
        ("x = 2 ** 1000", "expression"),
        ("x = 1\nreturn x", "after_return"),
        ("", "no_value"),
        ("x = 1\n" * 101, "too_long"),
        ("x, y = 1, 2", "statement"),
        ("x += 1", "statement"),
    ],
)
def test_what_is_no_program_of_assignments_is_refused(source, code):
    if code == "after_return":
        source = "def f():\n    return 1\n    x = 2"
    with pytest.raises(ProgramError, match=code):
        run_program(source)
