"""Ways in which a wrong candidate could pass: what it denies, supposes or only mentions, and what merely looks like the right answer."""

from __future__ import annotations

import pytest

from rephrase.verifiers.answers import final_answer, same_answer
from rephrase.verifiers.choices import choice, gold_choice
from rephrase.verifiers.kinds import Verifier
from rephrase.verifiers.programs import ProgramError, run_program

NO_ANSWER_OF_SIX = [
    # Only possible
    "It might be 6.",
    "It could be $6$.",
    "Perhaps it is 6, or it may be something else.",
    "The answer might be 6.",
    "Maybe the answer is 6.",
    # Denied
    "It is certainly not the case that $x$ is $6$.",
    r"We get $\boxed{6}$ is wrong.",
    r"So it is not $\boxed{6}$.",
    "6 is not what they ask for.",
    "The answer is 6, which is wrong.",
    "The answer is 6, but that is impossible.",
    # Taken back
    "The answer is 6. Wait, that's incorrect.",
    "The answer is 6. Hmm, I made a mistake here.",
    "The answer is 6. No, it must be another one.",
    # Of others, or supposed
    "Many students think the answer is 6.",
    "Suppose that $x = 6$.",
    "Let the number of ships be 6.",
    # A part of something else
    "They counted 4 + 6",
    "It takes 3-6 days.",
    "It takes between 4 and 6 days.",
    "We meet on June 6.",
    "They came 6th.",
    "It is 6x",
    "So the length is 6π.",
    "It takes 5 hours and 6 minutes.",
    "The city has 6 million people.",
    "The time is 5:6",
    "So the point is (2, 6).",
    "It is x = - 6",
    "The temperature is –6 degrees.",
    "It is about 6e8 in the end.",
    "They need 2 1/6 cups.",
]


@pytest.mark.parametrize("text", NO_ANSWER_OF_SIX)
def test_what_a_text_does_not_stand_by_is_not_its_answer(text):
    for gold in ("6", "1/6"):
        assert not Verifier("answer").verify(text, gold).right


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So she has **6** apples.", "6"),
        ("She could buy 6 apples.", "6"),
        ("She earns $6/hour.", "$6"),
        ("It takes 5 hours and 30 minutes.", "5 hours and 30 minutes"),
        ("They need 2 1/2 cups.", "2 1/2"),
        ("The city has 5 million people.", "5 million"),
        ("They meet at 3:45 in the end.", "3:45"),
        ("So the point is (2, 6).", "(2, 6)"),
        ("It is x = - 6 then", "-6"),
        ("It is about 3e8 in the end.", "3e8"),
        ("5 is wrong. So it must be 6.", "6"),
        ("The answer is 6, not 7.", "6"),
        ("The answer is 6. It is not hard to see why.", "6"),
        ("The answer is 6. No other number works.", "6"),
        ("The answer is 5. No, that's wrong. The answer is 6.", "6"),
        ("I think the answer is 6.", "6"),
        (r"\boxed{6} is the answer, and 7 is wrong.", "6"),
    ],
)
def test_what_a_text_stands_by_is_its_answer(text, answer):
    assert final_answer(text) == answer


DIFFERENT = [
    "1,2 ~ 1.2",
    "10,5 ~ 10.5",
    "3' ~ 3",
    "3'' ~ 3",
    '3" ~ 3',
    "f'(2) ~ f(2)",
    "x > 5 ~ y > 5",
    r"1 \le k \le 3 ~ 1 \le n \le 3",
    "5 MW ~ 5 mW",
    "3 Mg ~ 3 mg",
    "2N+1 ~ 2n+1",
    r"\{\emptyset\} ~ \emptyset",
    r"x \ne 2 ~ 2",
    r"x \ne 2 ~ x = 2",
    r"\mathbb{R} \setminus \{2\} ~ \{2\}",
    "no solution ~ 0",
    "> 6 ~ 6",
    "≠ 6 ~ 6",
    "6? ~ 6",
    "#6 ~ 6",
    r"\bar{6} ~ 6",
    r"\lfloor 6.5 \rfloor ~ 6.5",
    r"\lceil 6.5 \rceil ~ 6.5",
    r"\neg p ~ p",
    r"\vec{a} ~ a",
    r"\dot{x} ~ x",
    r"\hat{x} ~ x",
    r"x^\prime ~ x",
    r"x^* ~ x",
    r"6^\circ ~ 6^\prime",
    r"|x| ~ x",
    r"\overline{z} ~ z",
    r"\Delta x ~ x",
    r"A^T ~ A",
    r"A^c ~ A",
    r"5 \mid n ~ 5n",
    r"1 1/2 ~ \lfloor 1.5 \rfloor",
    "f(x) = x ~ g(x) = x",
    r"1+2+\ldots+n ~ 1+2+n",
    r"\frac{1}{3} ~ 0.333",
    r"0.6667 ~ 2/3",
]


@pytest.mark.parametrize("row", DIFFERENT)
def test_answers_that_differ_by_a_sign_are_different(row):
    first, second = row.split(" ~ ")
    assert not same_answer(first, second)
    assert not same_answer(second, first)


@pytest.mark.parametrize(
    "row", ["0,5 ~ 0.5", "1,25 ~ 1.25", "2,5 kg ~ 2.5", "12,5% ~ 12.5%", "f'(x) ~ f'(x)", "0.333333 ~ 1/3", "C ~ c", "YES ~ yes"]
)
def test_what_only_looks_different_is_the_same(row):
    first, second = row.split(" ~ ")
    assert same_answer(first, second)
    assert same_answer(second, first)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is D minor.", None),
        ("The answer is C major", None),
        ("Answer: E Flat", None),
        ("It is in the key of C# minor. Answer: C#", None),
        ("The answer is C++.", None),
        ("The answer is E. coli.", None),
        ("The answer is B cells", None),
        ("The answer is D. H. Lawrence.", None),
        ("The answer is A Tale of Two Cities.", None),
        ("Answer: I Have a Dream", None),
        ("The answer is A+", None),
        ("The answer is F(x)", None),
        ("The answer is D day", None),
        ("B is wrong.", None),
        ("B is not correct.", None),
        ("I don't think it's B.", None),
        ("The answer is B, which is wrong.", None),
        ("The answer is B. Wait, that's not right.", None),
        ("The answer is B. No, wait: C.", None),
        ("Neither A nor B is correct.", None),
        ("Either A or B is correct.", None),
        ("If B is correct, the ship sinks.", None),
        ("Is it true that B is correct?", None),
        ("A is true. B is true.", None),
        ("It might be (B).", None),
        ("Perhaps the answer is B.", None),
        ("Most students choose B.", None),
        ("Choose between (A) and (B).", None),
        ("A\nB\nC", None),
        (r"\boxed{B} is incorrect", None),
        ("The answer is B Paris", "B"),
        ("The answer is C in this case.", "C"),
        ("The answer is clear: B is correct.", "B"),
        ("B is correct, and A is wrong.", "B"),
        ("I think B is the best answer.", "B"),
        ("A is wrong. So it must be (B).", "B"),
        ("The answer is B, but A is wrong.", "B"),
        ("The answer is D. It is not A.", "D"),
    ],
)
def test_a_letter_is_a_choice_only_where_the_text_chooses_it(text, letter):
    assert choice(text) == letter


def test_a_gold_in_words_is_no_letter():
    assert [gold_choice(gold) for gold in ("D minor", "E. coli", "A Tale of Two Cities", "C major")] == [None] * 4


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("max = 3\nx = max(1, 2)", "expression"),
        ("x = min(3)", "expression"),
        ("def f(*, x):\n    return 3", "arguments"),
        ("def f(*x):\n    return 3", "arguments"),
        ("def f(x, /):\n    return 3", "arguments"),
    ],
)
def test_programs_that_python_would_not_run_are_refused(source, code):
    with pytest.raises(ProgramError, match=code):
        run_program(source)


def test_nothing_is_right_that_is_empty_or_not_expected():
    yes = "true"
    assert not Verifier("command", command=yes).verify(" \n", "").right
    assert Verifier("command", command=yes).verify("Q.E.D.", "").right
    assert not Verifier("command", command=yes).verify("Q.E.D. \ud83d", "").right  # a command would be asked about another text
    assert Verifier("python").verify("x = 1", " ").reason == "nothing is expected"
    assert Verifier("choice").verify("", "").reason == "no answer"
