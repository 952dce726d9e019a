"""Statements of arithmetic are told right or wrong, and what is none is left alone."""

from __future__ import annotations

import pytest

from rephrase.verifiers.arithmetic import statements
from tests.rephrase.verifiers.arithmetic_statements import NO_STATEMENTS
from tests.rephrase.verifiers.arithmetic_statements import statements as made


def verdicts(text: str) -> list[bool]:
    return [statement.is_right for statement in statements(text)]


@pytest.mark.parametrize("seed", [0, 1])
def test_300_statements_are_told_right_or_wrong(seed: int) -> None:
    """At least 99%, of which half are wrong."""
    missed = [(text, right, verdicts(text)) for text, right in made(300, seed) if not verdicts(text) or all(verdicts(text)) is not right]
    assert len(missed) <= 3, missed


@pytest.mark.parametrize("text", NO_STATEMENTS)
def test_what_is_no_statement_is_not_wrong(text: str) -> None:
    assert False not in verdicts(text)
    assert False not in verdicts(f"So {text}, and so on.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 km + 500 m = 2.5 km", [True]),
        ("2 km + 500 m = 2500", [True]),
        ("2 km + 500 m = 3 km", [False]),  # a whole number is no rounded one
        ("2/3 = 0.67 and 2/3 = 0.66 and 2/3 = 0.68", [True, True, False]),  # rounded, cut off, neither
        ("7/2 = 4", [False]),
        ("7/2 ≈ 4", [True]),
        ("10 - 4 = 12 / 2 = 6", [True, True]),
        ("8/3 = 2.667 = 2.67", [True, True]),  # the last is right by the first
        ("3 + 4 = 7 = 8", [True, False]),
        ("100 + 10% = 110, or 100 + 10% = 100.1", [True, True]),
        ("6 ÷ 2(1 + 2) = 9, or 6 ÷ 2(1 + 2) = 1", [True, True]),
        ("6 ÷ 2(1 + 2) = 7", [False]),
        ("(5/20) × 100 = 25%", [True]),
        ("0.15 = 16%", [False]),
        ("\\begin{aligned} 3 + 4 &= 7 \\\\ &= 9 \\end{aligned}", [True, False]),
        ("2 m × 3 m = 6 m²", [True]),
        ("1.5e3 + 500 = 2000", [True]),
        ("2 million + 500 thousand = 2.5 million", [True]),
        ("5 miles = 8 km", [True]),
        ("1 mile = 1.8 km", [False]),
        ("1 1/2 + 1/2 = 2", [True]),
        ("9^9^9^9 = 1", []),
        ("1000! + 1 = 2", []),
    ],
)
def test_what_is_said_is_taken_as_people_mean_it(text: str, expected: list[bool]) -> None:
    assert verdicts(text) == expected


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    ["1", "1+", "(", "1=", "1 + 1 = 2 ", "1,", "1,000", " ", "=", "\\frac{", "9^", "2!", "```", "x ", "1 km ", "√", "1/", "-", "0", "1."],
)
def test_awkward_texts_are_read_to_their_end(piece: str) -> None:
    list(statements("1 = 1" + piece * (30_000 // len(piece))))
