"""Programming languages by the words behind code fences."""

from __future__ import annotations

import pytest

from rephrase.recipes.catalogue import options_of
from rephrase.text.code.languages import language_of


@pytest.mark.parametrize(
    ("word", "language"),
    [
        ("py", "Python"),
        ("Python3", "Python"),
        ("cpp", "C++"),
        ("c++", "C++"),
        ("C#", "C#"),
        ("golang", "Go"),
        ("rs", "Rust"),
        ("tsx", "TypeScript"),
    ],
)
def test_words_behind_fences_stand_for_languages(word, language):
    assert language_of(word) == language


@pytest.mark.parametrize("word", ["", "output", "example.py", "text", "console"])
def test_other_words_stand_for_none(word):
    assert language_of(word) is None


def test_the_languages_that_code_is_translated_to_are_known():
    languages = options_of("code/translate")["languages"]
    assert [language_of(name) for name in languages] == languages
