from __future__ import annotations

import unicodedata

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifiers.words import _UNSPACED, groups_of, ngrams_of, sliding_ngrams_of, words_of


def plain_words(text: str) -> list[str]:
    words, open_word = [], False
    for character in text.lower():
        if unicodedata.category(character)[0] not in "LMN" and ord(character) < 0x10000:
            open_word = False
        elif ord(character) >= 0x10000 or any(a <= ord(character) <= b for a, b in _UNSPACED):
            words.append(character)
            open_word = False
        else:
            words[-1:] = [words[-1] + character] if open_word else [*words[-1:], character]
            open_word = True
    return words


TEXTS = st.lists(st.text(st.sampled_from("aAbé1 .,\n'-日本ก\U0001f600") | st.characters(), max_size=40), max_size=8)


@given(TEXTS)
def test_words_are_those_of_the_plain_reference(texts):
    words = words_of(texts)
    expected = [plain_words(text) for text in texts]
    assert words.counts.tolist() == [len(part) for part in expected]
    flat = [word for part in expected for word in part]
    assert words.lengths.tolist() == [len(word) for word in flat]
    by_hash: dict[int, str] = {}
    assert all(by_hash.setdefault(key, word) == word for key, word in zip(words.hashes.tolist(), flat, strict=True))
    assert len(by_hash) == len(set(flat))


def test_case_and_punctuation_do_not_count():
    words = words_of(["The cat, the CAT", "(the) “cat” — the cat!"])
    assert words.hashes[:4].tolist() == words.hashes[4:].tolist()


def test_hashes_do_not_depend_on_place_or_company():
    assert words_of(["harbour"]).hashes[0] == words_of(["é " * 1000, "", "the old harbour"]).hashes[-1]


def test_ascii_and_wide_buffers_agree():
    assert words_of(["plain words"]).hashes.tolist() == words_of(["plain words", "日"]).hashes[:2].tolist()


@given(TEXTS, st.integers(1, 5))
def test_ngrams_are_those_of_the_plain_reference(texts, size):
    grams, counts = ngrams_of(words_of(texts), size)
    expected = [[tuple(words[i : i + size]) for i in range(len(words) - size + 1)] for words in map(plain_words, texts)]
    assert counts.tolist() == [len(part) for part in expected]
    pairs = set(zip(grams.tolist(), [gram for part in expected for gram in part], strict=True))
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


def test_a_text_of_one_endless_word():
    words = words_of(["x" * 3_000_000])
    assert words.lengths.tolist() == [3_000_000]
    assert words.hashes.dtype == np.uint64


@given(TEXTS, st.integers(1, 9))
def test_sliding_ngrams_tell_the_same_apart(texts, size):
    words = words_of(texts)
    (grams, counts), (plain, plain_counts) = sliding_ngrams_of(words, size), ngrams_of(words, size)
    assert counts.tolist() == plain_counts.tolist()
    assert len(set(zip(grams.tolist(), plain.tolist(), strict=True))) == len(set(grams.tolist())) == len(set(plain.tolist()))


def test_groups_are_numbered_as_they_come():
    assert groups_of(np.array([7, 3, 7, 9, 3], np.uint64)).tolist() == [0, 1, 0, 2, 1]
