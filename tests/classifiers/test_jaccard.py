from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.jaccard import jaccard
from tests.classifiers.test_minhash import AWKWARD, shingles_of

TEXTS = st.sampled_from(AWKWARD) | st.lists(st.sampled_from(["the", "moon", "Tide", "2", "潮"]), max_size=12).map(" ".join)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6), st.integers(1, 6))
def test_the_similarity_is_that_of_the_plain_sets(pairs, ngram):
    firsts, seconds = [a for a, _ in pairs], [b for _, b in pairs]
    for (a, b), similarity in zip(pairs, jaccard(firsts, seconds, ngram).tolist(), strict=True):
        one, other = shingles_of(a, ngram), shingles_of(b, ngram)
        if one | other:
            assert similarity == len(one & other) / len(one | other)
        else:
            assert math.isnan(similarity)


def test_a_shingle_counts_once():
    assert jaccard(["one two one two one two"], ["one two one"], 2).tolist() == [1.0]
    assert jaccard(["one two three"], ["one two four"], 2).tolist() == [pytest.approx(1 / 3)]
