from __future__ import annotations

from fractions import Fraction

import pytest

from rephrase.verifiers.answers import final_answer, gold_answer, same_answer
from rephrase.verifiers.choices import choice, gold_choice
from rephrase.verifiers.kinds import Verifier, code
from rephrase.verifiers.programs import ProgramError, plain, run_program

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
        ("1 234,5", "1234.5", True),
        ("1 234,5", "12345", False),
        ("1 234,567", "1234.567", False),
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
    assert final_answer(r"thus \boxed{\frac{1}{2}} and \boxed{\sqrt{3}}.") == r"\frac{1}{2}, \sqrt{3}"
    assert final_answer("The answer is 7 apples. Hope this helps!") == "7 apples"
    assert final_answer("There are 3 boxes, so 1,200 pens") == "1,200"
    assert final_answer("I do not know") is None
    assert final_answer(r"\boxed{ }") is None
    assert gold_answer("#### 5 dollars #### 7") == "7"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is (C).", "C"),
        ("**B**", "B"),
        (r"\boxed{D}", "D"),
        ("B) because", "B"),
        ("I think (A), no, (B)", "B"),
        ("A dog barks", None),
        ("The answer is B. Option A is a distractor.", "B"),
        ("The answer is B because a car moves.", "B"),
        ("So the choice is a matter of taste. The answer is B.", "B"),
        ("The correct option is (d).", "D"),
        ("**B) Paris** is the answer", "B"),
        ("Answer: I", "I"),
        ("Answer: I think that it moves.", None),
        ("Answer: A dog barks", None),
        ("The answer is:\n\nB", "B"),
        ("The answer is B or C.", None),
        ("The answer is not B. The answer is C.", "C"),
        ("The answers are A and C.", "AC"),
        ("正确答案是B", "B"),
        ("答案：C", "C"),
        ("故选D", "D"),
        ("La respuesta correcta es B.", "B"),
        ("I choose B", "B"),
        ("A) no\nB) yes\nC) no", None),
        (r"\boxed{\textbf{(B)}\ 12}", "B"),
        ("It's C.", "C"),
        ("It is A day.", None),
        ("The answer isn't A, it's B.", "B"),
        ("Both A and B are correct.", "AB"),
        ("Eliminating A, B and D leaves C.", "C"),
        ("【答案】C", "C"),
        ("选项C是正确的", "C"),
        ("La opción correcta es C", "C"),
        ("A alternativa correta é C", "C"),
        ("Answer: 'C'", "C"),
        ("Answer => C", "C"),
        ("✅ C", "C"),
        ("答案：Ｃ", "C"),
        ("【C】", "C"),
        ("Ans. C", "C"),
        ("The answer is B-cell.", None),
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
        ("x = " + "+".join("1" * 400), "too_large"),
        ("x = 1e999", "too_large"),
        ("x = -1e999", "too_large"),
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


def test_numbers_of_any_size_are_written_exactly():
    assert plain(run_program(f"x = {10**320} / 3").value) == f"{10**320}/3"
    assert [plain(Fraction(*pair)) for pair in ((1, 8), (-1, 8), (7, 1), (1, 10**7))] == ["0.125", "-0.125", "7", "1/10000000"]


def test_a_gold_answer_is_data():
    assert [gold_answer(gold) for gold in (r"\frac{1}{2}", "48/2 = 24\n#### 1,200", r"so $\boxed{x^2}$.", " June 20 ")] == [
        r"\frac{1}{2}",
        "1,200",
        "x^2",
        "June 20",
    ]
    verifier = Verifier("answer")
    for gold, mention in ((r"\frac{1}{2}", "2"), ("(2,5)", "5"), ("x^2+1", "1"), (r"3\sqrt{13}", "13"), (r"\text{June 20}", "20")):
        assert verifier.verify(rf"$\boxed{{{gold}}}$", gold).right
        assert not verifier.verify(rf"$\boxed{{{mention}}}$", gold).right
    assert not Verifier("program").verify("x = 2", r"\frac{1}{2}").right
    assert [gold_choice(gold) for gold in ("b", "(B)", "B. Paris", "A dog")] == ["B", "B", "B", None]


SAME = [
    r"\frac{\sqrt{3}}{2} ~ \sqrt{3}/2 ~ √3/2",
    r"\frac{1}{\sqrt{2}} ~ \frac{\sqrt{2}}{2}",
    r"\frac{\frac{1}{2}}{3} ~ 1/6 ~ \frac16",
    r"2\frac{1}{2} ~ 2.5 ~ 2 1/2 ~ 2½ ~ 5/2",
    r"0.\overline{3} ~ 1/3 ~ 0.333333 ~ 0.333...",
    r"90^\circ ~ 90 ~ 90°",
    r"5 m/s ~ 5 ~ 5\ \text{m/s} ~ 5 meters per second",
    r"12 cm^2 ~ 12\,\mathrm{cm}^2 ~ 12 square centimeters",
    r"\$1,250.00 ~ $1250 ~ 1250 dollars ~ 1250",
    r"5 million ~ 5,000,000 ~ 5\times10^6 ~ 5e6 ~ 5×10⁶",
    r"1 234 567 ~ 1,234,567 ~ 1\,234\,567 ~ 1.234.567",
    r"0,75 ~ 0.75",
    r"\pm 3 ~ 3, -3 ~ \{-3, 3\} ~ ±3",
    r"x > 5 ~ 5 < x ~ (5, \infty) ~ (5,∞)",
    r"(-\infty,1)\cup[2,3] ~ [2, 3] \cup (-\infty, 1)",
    r"x \in [1,2] ~ [1,2] ~ \left[1, 2\right]",
    r"x=1 or x=2 ~ 1, 2 ~ 2 and 1",
    r"\frac{\pi}{4} ~ pi/4 ~ 0.785398",
    r"2k+2 ~ 2(k+1)",
    r"5 hours 30 minutes ~ 5 h and 30 min",
    r"\begin{pmatrix}1\\2\end{pmatrix} ~ \begin{bmatrix} 1 \\ 2 \end{bmatrix}",
    r"\text{Evelyn} ~ evelyn.",
    r"3:4 ~ 3 : 4",
    r"12\pi ~ 12\pi \text{ square units} ~ 12\pi \text{ cm}^2",
    r"3\sqrt{2} \text{ cm} ~ 3\sqrt{2} ~ 3√2 centimeters",
    r"\sqrt{9} cm ~ 3 cm",
    r"(-\infty, \infty) ~ \mathbb{R} ~ all real numbers",
    r"k \in \mathbb{Z} ~ k\in\mathbb Z",
    r"5 ~ [5]",
    r"x=2 or x=3 ~ 2, 3",
]
OTHER = [
    "1,2 ~ 12",
    "(3,100) ~ 3100",
    "0,5 ~ 5",
    "1,00 ~ 100",
    r"2\frac{1}{2} ~ 1",
    "3 1/4 ~ 31/4",
    "1000000 ~ 1000001",
    "123456789 ~ 123456700",
    "0.5 ~ 0.46",
    "$7 ~ 7%",
    "5 cm ~ 5 m",
    "5 million ~ 5",
    "5 hours 30 minutes ~ 5",
    r"\pm 3 ~ 3",
    "x > 5 ~ x < 5",
    r"x > 5 ~ x \ge 5",
    "[0,9) ~ (0,9)",
    "x = 5 ~ y = 5",
    "2x = 6 ~ 6",
    "5m ~ 5",
    "3:4 ~ 4:3",
    "10_2 ~ 10_3",
    "5! ~ 5",
    r"\sqrt{2} ~ 1.41",
    r"\sqrt{2}+10^{-20} ~ \sqrt{2}",
    "act ~ cat",
    "p - q ~ q - p",
    "1, 2, 3 ~ 1, 2",
    r"3\sqrt{2} \text{ cm} ~ 3\sqrt{2} \text{ km}",
    r"12\pi \text{ cm}^2 ~ 12 \text{ cm}^2",
    r"\pi r^2 h ~ \pi r^2",
    r"\sqrt{2} \text{ or } 3 ~ \sqrt{2}",
    "x=2 or x=3 ~ 3",
    r"\le 3 ~ 3",
    "1 in 3 ~ 1",
    "3–5 ~ -2",
]


@pytest.mark.parametrize("row", SAME)
def test_an_answer_is_itself_however_it_is_written(row):
    first, *others = row.split(" ~ ")
    for other in others:
        assert same_answer(first, other), other
        assert same_answer(other, first), other


@pytest.mark.parametrize("row", OTHER)
def test_what_looks_alike_is_not_the_same(row):
    first, second = row.split(" ~ ")
    assert not same_answer(first, second)
    assert not same_answer(second, first)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("bomb", [r"\tan(\exp(10^{20}))", "9^{9^{9^{9}}}", "100000000!!", "{" * 400, r"\frac{" * 60, "(" * 400])
def test_algebra_without_end_is_no_answer(bomb):
    assert not Verifier("answer").verify(rf"\boxed{{{bomb}}}", "x+1").right
    assert same_answer("2x+1", "1+2x")  # the next is compared


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("#### Step 2: add\n3 + 4\n$\\boxed{7}$", "7"),
        ("#### 1. First\nThe answer is 7.\n#### Notes on 3 cases", "7"),
        ("$\\boxed 2$. The answer is 3.", "2"),
        (r"\boxed{3} is too small. Then \boxed{5}.", "5"),
        ("The answer is $\\frac{1}{2}$.", r"\frac{1}{2}"),
        ("The answer is 3.5.", "3.5"),
        ("Answer:\n\n42", "42"),
        ("✅ Final Answer: **73**", "73"),
        ("The answer is therefore $12$ cm. The result is what we wanted.", "12"),
        ("The answer is $1$ and $2$.", "1 and 2"),
        ("The answer is 6. I don't think the answer is 5.", "6"),
        ("Final Answer: The largest $n$ is 34.", "34"),
        ("La respuesta final es 12.", "12"),
        ("Die Antwort lautet 12.", "12"),
        ("所以最终答案为12。", "12"),
        ("答えは12です。", "12"),
        ("Ответ: 12", "12"),
        ("So the value is $\\frac{3}{4}$.", r"\frac{3}{4}"),
        ("The wrong answer is 5.", None),
        ("A: 7", "7"),
        ("__Answer:__ 73", "73"),
        ("(Answer: 73)", "73"),
        ("[Answer: 73]", "73"),
        ("Answer: <73>", "73"),
        ("Answer → 73", "73"),
        ("【答案】73", "73"),
        ("Answer:\n- 7", "7"),
        ("The correct answer is 7, not 8.", "7"),
        ("Therefore $x=2$ or $x=3$.", "$x=2$ or $x=3$"),
        ("Is the answer 5?", None),
        ("x=3 or 5", None),
        ("See equation (5)", None),
        ("1. Add\n2. Multiply\n3. Done", None),
    ],
)
def test_evidence_of_an_answer_has_ranks(text, answer):
    assert final_answer(text) == answer


AWKWARD = [
    " ",
    "\n",
    "\t",
    "1 ",
    "1,",
    "*",
    "_",
    "`",
    "```\n",
    "#### ",
    "$",
    "\\",
    "\\boxed{",
    "\\boxed ",
    "{",
    "(",
    "answer ",
    "answer: ",
    "A, ",
    "选",
    "￿",
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("read", [final_answer, gold_answer, choice, gold_choice, code])
def test_awkward_texts_are_read_in_linear_time(read):
    for unit in AWKWARD:
        read("Answer: a" + unit * (200_000 // len(unit)) + "b")
