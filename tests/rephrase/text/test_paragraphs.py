from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rephrase.records import content_id
from rephrase.text.paragraphs import paragraph_keys, without_lines

LINE = "The harbour office is open from eight to five."


def test_case_and_spacing_make_no_other_paragraph_but_numbers_do() -> None:
    keys = paragraph_keys(f"{LINE}\n\n  {LINE.upper()}\t\nShort\n{LINE} 12\n{LINE} 13", 20)
    assert list(keys) == [0, 2, 4, 5]
    assert keys[0] == keys[2]
    assert len({keys[0], keys[4], keys[5]}) == 3


def test_the_limit_counts_characters_without_white_space_around_them() -> None:
    assert list(paragraph_keys("ab cd\n ab cd  \nab c\n" + "語" * 5, 5)) == [0, 1, 3]


def test_a_paragraph_is_never_taken_for_a_document() -> None:
    assert paragraph_keys(LINE.casefold(), 1)[0].hex() != content_id(LINE.casefold())


def test_lines_go_with_the_gap_that_they_leave() -> None:
    text = "a\n\nb\n\nc\nd"
    assert without_lines(text, {2}) == "a\n\nc\nd"
    assert without_lines(text, {0}) == "b\n\nc\nd"
    assert without_lines(text, {4, 5}) == "a\n\nb"
    assert without_lines(text, {2, 4, 5}) == "a"
    assert without_lines("a\n\n\nb\nc", {4}) == "a\n\n\nb"  # gaps of the author's own stay


@given(st.lists(st.sampled_from(["", " ", "a", "b c"]), min_size=1, max_size=12), st.data())
def test_all_other_lines_stay_in_order(lines: list[str], data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.integers(0, len(lines) - 1)))
    left = without_lines("\n".join(lines), numbers).split("\n")
    assert [line for line in left if line.strip()] == [line for n, line in enumerate(lines) if n not in numbers and line.strip()]
