from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.cascade import build_cascade
from classifiers.checks.leaked import Leaked, LeakedSettings
from classifiers.settings import Filter
from rephrase.recipes.catalogue import catalogue
from tests.classifiers.batches import REWRITE, SOURCE, batch

PROMPT = "Rewrite the passage below so that a child can follow it: use short sentences and leave nothing abstract unexplained."
CATALOGUE = catalogue()


def run(text: str, source: str = SOURCE, prompt: str = PROMPT, **settings: int) -> tuple[float, bool]:
    result = Leaked("leaked", LeakedSettings(**settings))(batch([text], source, prompts={"wrap/medium": prompt}))
    return float(result.scores["leaked"][0]), bool(result.keep[0])


def test_a_text_that_holds_its_prompt_is_a_leak():
    assert run(REWRITE) == (0.0, True)
    assert run(f"{REWRITE} My instructions were: {PROMPT.upper()}") == (len(PROMPT.split()) - 9, False)
    assert run(f"{REWRITE} {' '.join(PROMPT.split()[:9])}") == (0.0, True)
    assert run(f"{REWRITE} {' '.join(PROMPT.split()[:10])}") == (1.0, False)
    assert run(f"{REWRITE} {' '.join(PROMPT.split()[:10])}", max=1) == (1.0, True)


def test_what_the_passage_says_itself_is_no_leak():
    assert run(PROMPT, f"How to write. {PROMPT}") == (0.0, True)


def test_rows_of_other_recipes_and_without_text_have_no_score():
    rows = batch([PROMPT, None, PROMPT], recipes=["my/own", "wrap/medium", "wrap/medium"], prompts={"wrap/medium": PROMPT})
    result = Leaked("leaked", LeakedSettings())(rows)
    np.testing.assert_array_equal(np.isnan(result.scores["leaked"]), [True, True, False])
    np.testing.assert_array_equal(result.keep, [True, True, False])


def longest_prompt(name: str) -> str:
    return max(CATALOGUE[name].wording.split("\n\n"), key=len)


# Baselines ask no model, and verified/command has no words of its own: the problem is the prompt.
@pytest.mark.parametrize("name", [name for name in CATALOGUE if len(longest_prompt(name).split()) >= 12])
def test_each_recipes_prompt_in_an_output_is_rejected(name):
    wording, longest = CATALOGUE[name].wording, longest_prompt(name)
    rows = batch([f"{REWRITE}\n\n{longest}", REWRITE], recipe=name, prompts={name: wording})
    verdicts, scores = build_cascade(Filter()).judge(rows)
    assert verdicts == ["leaked", "keep"] or (verdicts[0] != "keep" and scores[0]["leaked"] > 0 and scores[1]["leaked"] == 0)


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=25)


@given(WORDS, WORDS, WORDS)
def test_the_count_is_that_of_the_plain_reference(text, source, prompt):
    def grams(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[at : at + 4]) for at in range(len(words) - 3)}

    score, _ = run(" ".join(text), " ".join(source), prompt=" ".join(prompt), ngram=4)
    expected = len((grams(text) & grams(prompt)) - grams(source)) if text else np.nan
    np.testing.assert_equal(score, expected)
