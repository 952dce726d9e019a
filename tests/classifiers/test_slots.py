from __future__ import annotations

import pytest

from classifiers.slots import differing

TOLD = "Mara has {} apples and gives {} of them to Ilse. How many apples does Mara have?"


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        (TOLD.format(7, 2), TOLD.format(7, 2), 0),
        (TOLD.format(7, 2), "Problem. " + TOLD.format(7, 2).replace(" has ", " owns "), 0),
        (TOLD.format(7, 2), TOLD.format(7, 2).lower(), 0),
        (TOLD.format(7, 2), TOLD.format(7, 2).replace(". ", ".\n\n"), 0),
        ("There is no slot in it.", "There is none in that.", 0),
        ("3 bees", "3 beetles", 1 / 2),
        ("3 bees", "4 bees", 1 / 2),
        ("9 - 3 = 6", "9 + 3 = 6", 1 / 5),
        ("a price of 1,250.50 euros", "a price of 1,250.75 euros", 1 / 2),
        ("", "5", 1),
    ],
)
def test_the_share_of_numbers_and_names_that_differ(first, second, share):
    assert differing(first, second) == pytest.approx(share)
    assert differing(second, first) == pytest.approx(share)


def test_other_numbers_swapped_numbers_and_other_names_differ():
    assert differing(TOLD.format(7, 2), TOLD.format(8, 3)) > 0.2
    assert differing(TOLD.format(7, 2), TOLD.format(2, 7)) > 0.1
    assert differing(TOLD.format(7, 2), TOLD.format(7, 2).replace("Ilse", "Bruno")) > 0.1


def test_long_texts_take_no_longer_than_their_length():
    one, other = (" ".join(str(number * factor) for number in range(1, 20_000)) for factor in (3, 7))
    assert 0.5 < differing(one, other) <= 1
