from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.entities.spans import Recognised, Span, pieces, replaced, settled, words_of

STAND_INS = ["[name]", "email@example.com"]
TEXT = "Ann Lee wrote to email@example.com, and\nBo Ek answered [name]."


def recognised(text: str, part: str, kind: str = "person", score: float = 0.9) -> Recognised:
    start = text.index(part)
    return Recognised(start, start + len(part), kind, score)


@pytest.mark.parametrize(
    ("parts", "stay"),
    [
        ([("Ann", "person", 0.9), ("Ann Lee", "author", 0.6)], [("Ann Lee", "author")]),  # the longer
        ([("Ann", "person", 0.9), ("Lee", "author", 0.6)], [("Ann", "person"), ("Lee", "author")]),
        ([("Ann", "person", 0.5), ("Ann", "author", 0.6)], [("Ann", "author")]),  # the surer
        ([("nn L", "person", 0.5), ("Ann ", "author", 0.5)], [("Ann", "author")]),  # the earlier, without its space
        ([("to email@example.com, and", "person", 1)], [("to", "person"), (", and", "person")]),  # around a stand-in
        ([("ail@exam", "person", 1), ("[name]", "person", 1)], []),
        ([("and\nBo Ek", "person", 1)], [("and", "person"), ("Bo Ek", "person")]),  # no line goes
        ([(",", "person", 1)], []),
    ],
)
def test_spans_that_meet(parts: list[tuple[str, str, float]], stay: list[tuple[str, str]]) -> None:
    spans = settled(TEXT, [recognised(TEXT, *part) for part in parts], STAND_INS)
    assert [(TEXT[span.start : span.end], span.kind) for span in spans] == stay


@given(st.text(st.sampled_from("aB1 \n[]name.")).map(lambda text: f"x[name]{text}"), st.data())
def test_whatever_a_model_gives_nothing_overlaps_and_stand_ins_and_lines_stay(text: str, data: st.DataObject) -> None:
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), st.sampled_from([0.5, 0.9]))
    given_spans = [Recognised(min(a, b), max(a, b), "person", score) for a, b, score in data.draw(st.lists(places, max_size=12))]
    spans = settled(text, given_spans, STAND_INS)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))
    assert all(any(given.start <= span.start < span.end <= given.end for given in given_spans) for span in spans)
    scrubbed = replaced(text, [(span.start, span.end, "*") for span in spans])
    assert re.findall(r"\[name\]|\n", scrubbed) == re.findall(r"\[name\]|\n", text)


def test_many_spans_take_no_quadratic_time() -> None:
    text = "Ann " * 50_000
    spans = [Recognised(start, start + 3, "person", 0.9) for start in range(0, len(text), 4)]
    assert settled(text, spans, STAND_INS)[-1] == Span(len(text) - 4, len(text) - 1, "person")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("one two", ["one two"]),
        ("one two three four\nfive six", ["one two three four", "five six"]),
        ("one two three. four five six", ["one two three.", "four five six"]),
        ("one two three four five six", ["one two three four", "five six"]),
    ],
)
def test_texts_are_cut_where_lines_and_sentences_end(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in pieces(text, words_of(text), 4)] == parts


@given(st.text(st.sampled_from("ab. \n"), max_size=60), st.integers(1, 9))
def test_pieces_have_all_words_and_no_more_than_asked(text: str, most: int) -> None:
    cut = list(pieces(text, words_of(text), most))
    assert "".join("".join(text[start:end] for start, end in cut).split()) == "".join(text.split())
    assert all(len(words_of(text[start:end])) <= most for start, end in cut)
