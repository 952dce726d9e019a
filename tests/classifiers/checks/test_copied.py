from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.checks.copied import Copied, CopiedSettings, containment
from classifiers.words import words_of
from tests.classifiers.batches import REWRITE, SOURCE, batch

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=30)


def plain_containment(text: list[str], source: list[str], size: int) -> float:
    grams = [tuple(text[i : i + size]) for i in range(len(text) - size + 1)]
    shown = {tuple(source[i : i + size]) for i in range(len(source) - size + 1)}
    return sum(gram in shown for gram in grams) / len(grams) if grams else np.nan


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(st.tuples(WORDS, st.integers(0, 3)), max_size=6), st.integers(1, 4))
def test_containment_is_that_of_the_plain_reference(sources, rows, size):
    index = np.array([i % len(sources) for _, i in rows], np.int64)
    found = containment(words_of([" ".join(text) for text, _ in rows]), words_of([" ".join(s) for s in sources]), index, size)
    expected = [plain_containment(text, sources[i], size) for (text, _), i in zip(rows, index, strict=True)]
    np.testing.assert_allclose(found, expected)


def run(text: str, **settings: float) -> tuple[float, bool]:
    result = Copied("copied", CopiedSettings(**settings))(batch([text]))
    return float(result.scores["copied"][0]), bool(result.keep[0])


def test_a_copy_fails_and_a_rewrite_passes():
    assert run(SOURCE, max=0.8) == (1.0, False)
    assert run(SOURCE.upper().replace(".", " !"), max=0.8) == (1.0, False)
    assert run(REWRITE, max=0.8) == (0.0, True)


def test_half_a_copy_scores_about_half():
    score, keep = run(SOURCE + " " + REWRITE, max=0.8)
    assert score == pytest.approx(0.5, abs=0.1)
    assert keep


def test_a_text_that_left_its_source_fails_a_lower_bound():
    other = "Bees dance to tell their sisters the way to flowers that they have found in a distant meadow."
    assert run(other, ngram=1, min=0.3)[1] is False
    assert run(REWRITE, ngram=1, min=0.3)[1] is True


def test_short_texts_have_no_score_and_pass():
    score, keep = run("Too short for it.", max=0.1, min=0.1)
    assert np.isnan(score)
    assert keep


def test_rows_share_a_source():
    result = Copied("copied", CopiedSettings())(batch([SOURCE, None, REWRITE], [SOURCE, SOURCE, SOURCE]))
    np.testing.assert_array_equal(result.scores["copied"], [1.0, np.nan, 0.0])
