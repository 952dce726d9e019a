from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.windows import window_keys, without_windows
from classifiers.words import spans_of, words_of
from tests.classifiers.test_minhash import AWKWARD, TEXTS

SENTENCES = st.lists(st.lists(st.sampled_from(["a", "B", "İo", "dé", "日本"]), max_size=9).map(" ".join), max_size=4)


@given(TEXTS)
def test_spans_are_those_of_the_words(texts):
    for text in [*texts, *AWKWARD, "İİ a ǅ İb"]:
        spans = spans_of(text).tolist()
        assert len(spans) == words_of([text]).counts[0]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        for (start, end), hash_ in zip(spans, words_of([text]).hashes.tolist(), strict=True):
            assert words_of([text[start:end]]).hashes.tolist() == [hash_]


@given(SENTENCES, st.integers(1, 4))
def test_equal_runs_have_equal_keys_and_no_others(texts, size):
    keys, numbers, starts = window_keys(texts, size)
    words = [[text.lower()[start:end] for start, end in _lower_spans(text)] for text in texts]
    runs = [tuple(several[at : at + size]) for several in words for at in range(len(several) - size + 1)]
    places = [(row, at) for row, several in enumerate(words) for at in range(len(several) - size + 1)]
    assert list(zip(numbers.tolist(), starts.tolist(), strict=True)) == places
    assert len(set(keys.to_pylist())) == len(set(runs))
    assert len(set(zip(keys.to_pylist(), runs, strict=True))) == len(set(runs))


def _lower_spans(text: str) -> list[list[int]]:
    return spans_of(text.lower()).tolist()


@pytest.mark.parametrize(
    ("text", "starts", "left"),
    [
        ("One two three four five.", {1}, "One four five."),
        ("One two, three! Four five.", {1}, "One Four five."),
        ("One two three four five.", {0, 3}, "three"),
        ("One two three four five.", {1, 2}, "One five."),
        ("One\ntwo three\nfour.", {1}, "One\nfour."),
        ("One (two three) four.", {1}, "One ( four."),
        ("One two", {0}, ""),
        ("一二三四", {1}, "一 四"),
    ],
)
def test_a_text_without_runs_of_two_words(text, starts, left):
    words = len(spans_of(text))
    assert without_windows(text, starts, 2) == (left, len(spans_of(left)), words - len(spans_of(left)))
