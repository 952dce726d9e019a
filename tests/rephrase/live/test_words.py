"""Figures in words: no exponent, and no plural of one."""

from __future__ import annotations

import pytest

from rephrase.live.words import amount, there_already


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (480.0, "480"),
        (100_000.0, "100,000"),
        (12_345_678.0, "12,345,678"),
        (0.8333, "0.83"),
        (2.5, "2.50"),
        (1234.567, "1,234.57"),
        (0.00123, "0.0012"),
        (0.0000012, "0.0000012"),
    ],
)
def test_an_amount_has_sensible_digits_and_no_exponent(number, text):
    assert amount(number) == text


def test_one_unit_is_no_plural():
    assert there_already(1) == "its one unit is there already, nothing to do"
    assert there_already(1200) == "all 1,200 units are there already, nothing to do"
