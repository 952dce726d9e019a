"""What a rewrite lost and invented, and the places that are marked."""

from __future__ import annotations

import pytest

from rephrase.report.differences import differences
from rephrase.report.explorer import _places

PASSAGE = "In 1956 the tanker Ideal X left Newark for Houston with 58 boxes, which its owner McLean had paid for by himself."
REWRITE = "A tanker took 60 boxes from Newark to Dallas, which its owner McLean had paid for by himself."


def marked(text: str, marks: list[tuple[int, int, str]]) -> list[tuple[str, str]]:
    return [(text[start:end], kind) for start, end, kind in marks]


def test_numbers_and_names_that_vanish_or_come_in_are_marked_and_so_is_what_was_copied() -> None:
    told = differences(PASSAGE, REWRITE)
    lost, new = marked(PASSAGE, told.source), marked(REWRITE, told.text)
    assert {("1956", "number"), ("58", "number"), ("Houston", "name"), ("Ideal", "name")} <= set(lost)
    assert {("60", "number"), ("Dallas", "name")} <= set(new)
    assert ("Newark", "name") not in lost + new
    assert [text for text, kind in new if kind == "same"] == ["which its owner McLean had paid for by himself"]
    assert (told.lost_numbers, told.new_numbers, told.new_names) == (2, 1, 1)
    assert told.kept_numbers == 0
    assert told.overlap == pytest.approx(9 / 18)


def test_the_same_number_in_other_words_is_neither_lost_nor_new() -> None:
    told = differences("It weighs 1,234 tons, and three men lift 2.5 million crates.", "Its 1234 tons and 2,500,000 crates; 3 men.")
    assert (told.lost_numbers, told.new_numbers) == (0, 0)
    assert not [kind for *_, kind in told.text if kind == "number"]


def test_marks_stand_in_order_and_never_across_each_other() -> None:
    text = "On 3 May 1999 Anna Berg met Carl Dahl in Oslo and they walked along the harbour for two hours."
    for source in (text, "", PASSAGE, text.replace("Oslo", "Rome"), text * 3):
        for marks in (differences(source, text).text, differences(source, text).source):
            ends = [0, *(end for _, end, _ in marks)]
            assert all(before <= start < end for before, (start, end, _) in zip(ends, marks, strict=False))


def test_places_are_those_of_javascript() -> None:
    assert _places("a😀b 12", [(4, 6, "number")]) == [5, 7, 0]
    assert _places("é 12", [(2, 4, "number")]) == [2, 4, 0]
    assert _places("cut he", [(4, 9, "name")]) == [], "a mark beyond what is shown is left out"
