from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import diversity
from classifiers.words import words_of

TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join), max_size=7)


def grams(text: str, size: int) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def plain_bleu(text: str, others: list[str]) -> float:
    length = len(text.split())
    closest = min((len(other.split()) for other in others), key=lambda size: (abs(size - length), size))
    product = 1.0
    for size in range(1, 5):
        own = grams(text, size)
        matches = sum(min(count, max(grams(other, size)[gram] for other in others)) for gram, count in own.items())
        if size == 1 and not matches:
            return 0.0
        product *= (matches or 0.1) / max(own.total(), 1)
    return product**0.25 * (1.0 if length > closest else math.exp(1 - closest / length))


def plain_mtld(words: list[str]) -> float:
    def one_way(words: list[str]) -> float:
        factors, begin = 0.0, 0
        for end in range(1, len(words) + 1):
            if len(set(words[begin:end])) / (end - begin) <= 0.72:
                factors, begin = factors + 1, end
        if begin < len(words):
            factors += (1 - len(set(words[begin:])) / (len(words) - begin)) / 0.28
        return len(words) / factors if factors else math.nan

    return (one_way(words) + one_way(words[::-1])) / 2


@given(TEXTS, st.integers(1, 4))
def test_distinct_is_that_of_the_plain_reference(texts, size):
    counts = sum((grams(text, size) for text in texts), Counter())
    expected = len(counts) / counts.total() if counts else math.nan
    assert diversity.distinct(words_of(texts), size) == pytest.approx(expected, nan_ok=True)


@given(TEXTS)
def test_self_bleu_is_that_of_the_plain_reference(texts):
    full = [text for text in texts if text]
    scores = [plain_bleu(text, full[:i] + full[i + 1 :]) for i, text in enumerate(full)] if len(full) > 1 else [math.nan]
    assert diversity.self_bleu(words_of(texts)) == pytest.approx(sum(scores) / len(scores), nan_ok=True)


def test_self_bleu_of_known_texts():
    assert diversity.self_bleu(words_of(["one two three four five"] * 3)) == pytest.approx(1)
    assert diversity.self_bleu(words_of(["one two three four", "five six seven eight"])) == 0


@given(TEXTS)
def test_mtld_is_that_of_the_plain_reference(texts):
    words = " ".join(texts).split()
    expected = plain_mtld(words) if words else math.nan
    assert diversity.mtld(words_of(texts)) == pytest.approx(expected, nan_ok=True)


@given(TEXTS, TEXTS)
def test_the_tail_kept_is_that_of_the_plain_reference(texts, others):
    counts = Counter(" ".join(texts).split())
    bound, mass = 0, 0
    for count in sorted(counts.values()):
        if mass < 0.1 * counts.total():
            bound, mass = count, mass + count
    tail = {word for word, count in counts.items() if count <= bound}
    expected = len(tail & set(" ".join(others).split())) / len(tail) if tail else math.nan
    kept = diversity.kept_share(diversity.vocabulary_tail(words_of(texts)), words_of(others))
    assert kept == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=3), max_size=6))
def test_the_spread_is_that_of_the_plain_reference(vectors):
    full = [vector for vector in vectors if any(vector)]
    pairs = list(itertools.combinations(full, 2))
    cosines = [sum(a * b for a, b in zip(*pair, strict=True)) / math.hypot(*pair[0]) / math.hypot(*pair[1]) for pair in pairs]
    expected = 1 - sum(cosines) / len(cosines) if cosines else math.nan
    found = diversity.embedding_spread(np.array(vectors, np.float32).reshape(-1, 3))
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(TEXTS, st.integers(0, 20))
def test_samples_are_cut_by_words_and_by_texts(texts, count):
    words = words_of(texts)
    whole = diversity.words_in(texts)
    assert whole.hashes.tolist() == words.hashes.tolist()
    assert whole.offsets.tolist() == words.offsets.tolist()
    each = [text.split() for text in texts]
    cases = {
        diversity.first_texts: each[:count],
        diversity.first_of_each: [part[:count] for part in each],
        diversity.first_words: [part[: max(0, count - sum(map(len, each[:i])))] for i, part in enumerate(each)],
    }
    for cut, expected in cases.items():
        found = cut(words, count)
        assert found.hashes.tolist() == words_of([" ".join(part) for part in expected]).hashes.tolist()
        assert found.counts.tolist() == [len(part) for part in expected]


def test_words_are_made_slice_by_slice():
    texts = [f"text {number}, the {number}th" for number in range(150)]
    assert diversity.words_in(texts).hashes.tolist() == words_of(texts).hashes.tolist()
    assert diversity.words_in(texts).offsets.tolist() == words_of(texts).offsets.tolist()


def test_only_zstd_sees_a_repeat_that_is_far_away():
    data = random.Random(0).randbytes(100_000)
    assert diversity.compression(data * 2) < 1.01
    assert diversity.far_compression(data * 2) > 1.9
    assert diversity.compression(b"word " * 1000) > 10
