from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.cascade import build_cascade
from classifiers.checks.repetition import DUPLICATE_SIZES, TOP_SIZES, Repetition, RepetitionSettings, ngram_fractions
from classifiers.settings import filter_of
from classifiers.words import words_of
from tests.classifiers.batches import REWRITE, SOURCE, batch


def plain_fractions(text: str) -> dict[str, float]:
    words = text.split()
    total = max(sum(map(len, words)), 1)
    result = {}
    for size in TOP_SIZES:
        grams = Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
        count, length = max(((n, sum(map(len, gram))) for gram, n in grams.items() if n > 1), default=(0, 0))
        result[f"top_{size}gram"] = min(count * length / total, 1)
    for size in DUPLICATE_SIZES:
        seen, covered = set(), set()
        for i in range(len(words) - size + 1):
            gram = tuple(words[i : i + size])
            if gram in seen:
                covered |= set(range(i, i + size))
            seen.add(gram)
        result[f"duplicate_{size}grams"] = sum(len(words[i]) for i in covered) / total
    return result


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=40).map(" ".join), max_size=5))
def test_ngram_fractions_are_those_of_the_plain_reference(texts):
    found = ngram_fractions(words_of(texts))
    for row, text in enumerate(texts):
        assert {name: values[row] for name, values in found.items()} == pytest.approx(plain_fractions(text))


def score(text: str) -> dict[str, float]:
    result = Repetition("repetition", RepetitionSettings())(batch([text]))
    return {name.removeprefix("repetition."): float(values[0]) for name, values in result.scores.items()}


def test_lines_and_paragraphs():
    found = score("one\ntwo\none\n\none two\n\none two\n")
    assert found["duplicate_lines"] == pytest.approx(2 / 5)
    assert found["duplicate_line_characters"] == pytest.approx(10 / 23)
    assert found["duplicate_paragraphs"] == pytest.approx(1 / 3)
    assert score("no line feed")["duplicate_lines"] == 0


def test_compression_tells_a_loop():
    assert score("The same again. " * 200)["compression"] > 20
    assert 1 < score(SOURCE)["compression"] < 2.5


DIALOGUE = "\n\n".join(
    f"**{name}:**\n{line}"
    for name, line in zip(
        ["Teacher", "Student"] * 6,
        [
            "What do you think carried the first tower away?",
            "A storm, I suppose, since it stood on a bare reef.",
            "Right, and it took the builder too. Why was he there at all?",
            "Perhaps the lamp needed mending before winter.",
            "It did. Now, why did the next one last longer?",
            "Oak bends where stone would crack, so waves hurt it less.",
            "Then how would you explain that the last ones are granite?",
            "The blocks were cut to hold one another, like a puzzle.",
            "Good. What would happen if they were only stacked?",
            "Each wave could push one out, and the rest would follow.",
            "So the shape of a stone matters as much as its weight?",
            "Yes, and that is why they took years to cut them all.",
        ],
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ("wrap/medium", SOURCE),
        ("wrap/medium", REWRITE),
        ("mind/teacher_student", DIALOGUE),
        ("wrap/qa", "Question: When was it lit?\nAnswer: In 1698.\n" + REWRITE),
    ],
)
def test_good_texts_pass(recipe, text):
    assert build_cascade(filter_of(["repetition"])).judge(batch([text], recipe=recipe))[0] == ["keep"]


@pytest.mark.parametrize(
    "text",
    [
        SOURCE + " And so the story goes on and on for ever." * 6,
        "word " * 50,
        "A line of its own.\n" * 3 + SOURCE[:40],
        f"{SOURCE}\n\n{SOURCE}",
        "- - - - " * 400,
    ],
)
@pytest.mark.parametrize("recipe", ["wrap/medium", "mind/debate", "wrap/qa"])
def test_loops_fail(recipe, text):
    assert build_cascade(filter_of(["repetition"])).judge(batch([text], recipe=recipe))[0] == ["repetition"]


def test_rows_without_text_have_no_scores():
    result = Repetition("repetition", RepetitionSettings(compression=2))(batch([None, "", "x"]))
    assert all(np.isnan(values[:2]).all() for values in result.scores.values())
    assert result.keep.tolist() == [True, True, True]
