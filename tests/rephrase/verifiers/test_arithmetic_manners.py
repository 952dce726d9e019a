"""Arithmetic in the manners of people who write for people: what is right is not called wrong, and what is wrong is seen."""

from __future__ import annotations

import pytest

from rephrase.verifiers.arithmetic import statements

_NOT_WRONG = [
    *(
        "1.200 + 800 = 2.000",
        "1.234,50 + 1,00 = 1.235,50",
        "1.000 g = 1 kg",
        "1.250 Euro + 250 Euro = 1.500 Euro",
        "3.141,59 × 2 = 6.283,18",
    ),
    *("2,50,000 + 50,000 = 3,00,000", "3,14159 × 2 = 6,28318", "1 ton = 2,000 pounds", "$100 + £50 = $163", "2 × 3.14 = 2πr"),
    *(
        "17 ÷ 5 = 3, remainder 2",
        "17 / 5 = 3 with a remainder of 2",
        "17 ÷ 5 = 3...2",
        "23 ÷ 4 = 5 with 3 left over",
        "23 / 4 = 5 (3 left)",
    ),
    *(
        "1 + 1 = 10 in binary",
        "In base 5, 3 + 4 = 12.",
        "7 / 2 = 3 in integer division",
        "5 out of 10 = 50%",
        "1 in 4 = 25%",
        "3 of 4 = 75%",
    ),
    *("100% = 80, so 10% = 8", "It grew by 3% = $5 billion", "1/3 = 33%", "0.1 + 0.2 = 0.30000000000000004", "1-1/2 + 1/2 = 2", "3!! = 3"),
    *("2 + 3 = 5 × 4 = 20", "2+3=5*4=20", "5 + 3 = 8 - 2 = 6 × 3 = 18", "$5.50 + $3 = $8.50 × 2 = $17", "3 - 8 = -5 + 10 = 5"),
    *("1/3 + 1/3 = 2/3 + 1/3 = 1", "12 apples + 3 apples = 15 apples - 5 apples = 10 apples", "100 - 20% = 80 + 10 = 90"),
    *("10 / 3 = 3.33 × 2 = 6.66", "10 / 3 = 3.33 × 2 = 6.67", "$2+3 &= 5 \\times 4 \\\\ &= 20$", "2 plus 3 equals 5 times 4 equals 20"),
    *("10 / 3 = 3.33", "10 ÷ 3 = 3 r 1", "10 ÷ 3 = 3R1", "10 / 3 = 3 rem. 1"),
    *("10 ÷ 3 = 3 (remainder 1)", "17 ÷ 5 = 3. The remainder is 2."),
    *("By integer division, 10 / 3 = 3.", "10 / 3 = 3, rounded down", "10 / 3 = 3 whole boxes", "In whole numbers, 17 / 5 = 3"),
    *("10 // 3 = 3", "10 / 3 = 3, 1 left over"),
    *("10 / 3 = 3.(3)", "10 / 3 = 3.3(3)", "$10/3 = 3.\\overline{3}$", "10 / 3 = 3 and 1/3", "7 / 2 = 3 and a half"),
    *("$\\sqrt2 \\cdot \\sqrt2 = 2$", "$\\frac12 + \\frac13 = \\frac56$", "10^{-3} = 0.001", "1 m² = 10,000 cm²", "~~~\n2 + 2 = 5\n~~~"),
]
_WRONG = [
    *("€12.50 + €7.50 = €21", "£3.50 × 4 = £15", "$\\frac12 + \\frac13 = \\frac25$", "10^{-3} = 0.01", "1 m² = 1,000 cm²", "1/3 = 34%"),
    *("3 × 1.250 = 3.850", "1.234,50 + 1,00 = 1.236,50", "$\\sqrt2 \\cdot \\sqrt2 = 3$", "0.1 + 0.2 = 0.4", "100 - 37 = 73", "0.15 = 16%"),
    *("2 + 3 = 5 × 4 = 21", "2 + 3 = 6 × 4 = 24", "2 + 3 = 5 × 4", "2 + 3 = 5 × 4 = 5", "2 + 3 = 5 + 4 × 2 = 18", "5 = 5 × 4 = 20"),
    *("10 / 3 = 3", "10 / 3 = 3.34", "10 ÷ 3 = 3 r 2", "10 / 3 = 3.33 × 2 = 6.69"),
    *("Rounded, 10 / 3 = 5", "17 ÷ 5 = 3 remainder 3", "$\\left(10\\right) / 3 = 3$"),
    *("The sum of 3 + 4 = 8", "In 2020, 3 + 4 = 8", "5 + 3 = 9 in total", "5 + 3 = 9 and 2"),
]


@pytest.mark.parametrize("text", _NOT_WRONG)
def test_what_people_write_rightly_is_not_wrong(text: str) -> None:
    assert not [statement for statement in statements(text) if not statement.is_right]


@pytest.mark.parametrize("text", _WRONG)
def test_what_is_wrong_is_seen_in_all_manners(text: str) -> None:
    assert False in [statement.is_right for statement in statements(text)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["~~~\n", "1.111.", "1,11,", "with ", "in base ", "(3 ", "... ", "€", "1-1/2 ", "and 3 a "])
def test_awkward_texts_are_read_to_their_end(piece: str) -> None:
    list(statements("1 = 1" + piece * (30_000 // len(piece))))
