from __future__ import annotations

import pytest

from rephrase.generation.rewrite import rewrite
from rephrase.recipes.catalogue import find_recipes
from rephrase.recipes.fitting import Fitting
from rephrase.records import Document


def document(language: str | None, source: str = "crawl", tokens: int = 50, **metadata: str) -> Document:
    return Document("id", "text", source, language=language, n_tokens=tokens, metadata=metadata)


@pytest.mark.parametrize(
    ("languages", "language", "fits"),
    [
        ("en", "eng_Latn", True),
        ("en", "en-US", True),
        ("en", "English", True),
        ("eng_Latn", "en", True),
        (["de", "fr"], "fra_Latn", True),
        ("zh", "zho_Hant", True),
        ("zh-Hans", "zho_Hant", False),
        ("en", "deu_Latn", False),
        ("en", None, False),
        ("en", "", False),
        ("und", None, True),
        ("mine", "mine", True),
    ],
)
def test_languages_are_compared_whatever_their_spelling(languages, language, fits):
    [recipe] = find_recipes({"use": "wrap/easy", "when": {"languages": languages}})
    assert recipe.when.accepts(document(language)) is fits


def test_a_recipe_that_fits_nothing_is_told_with_what_there_is():
    recipes = [
        *find_recipes({"use": "wrap/easy", "when": {"languages": ["de", "fr"], "min_tokens": 100}}),
        *find_recipes({"use": "wrap/hard", "when": {"sources": "book*", "scores": {"quality": {"min": 0.5}}}}),
        *find_recipes({"use": "wrap/medium", "when": {"languages": "en"}}),
        *find_recipes("wrap/qa"),
    ]
    fitting = Fitting.of(recipes)
    assert fitting.reasons() == []
    for language in ("eng_Latn", "eng_Latn", None):
        fitting.look(document(language, fluency="0.9"))
    easy, hard = fitting.reasons()
    assert "`wrap/easy` takes none of 3 documents" in easy
    assert "languages: de, fr" in easy
    assert "languages eng_Latn (2), none (1)" in easy
    assert "50 to 50 tokens" in easy
    assert "sources: book*" in hard
    assert "sources crawl (3)" in hard
    assert "fluency (3)" in hard


@pytest.mark.parametrize(
    ("labels", "fits"),
    [
        ({"topic": "Science"}, False),
        ({"topic": "Science", "format": "FAQs"}, True),
        ({"topic": "Games", "format": "FAQs"}, False),
        ({}, False),
    ],
)
def test_labels_fit_by_their_values_and_what_lacks_one_never_does(labels, fits):
    [recipe] = find_recipes({"use": "wrap/easy", "when": {"labels": {"topic": "Sc*", "format": ["FAQs", "Listicle"]}}})
    one = Document("id", "text", labels=labels)
    assert recipe.when.accepts(one) is fits
    fitting = Fitting.of([recipe])
    fitting.look(one)
    assert bool(fitting.reasons()) is not fits
    if not fits:
        assert f"format: FAQs, Listicle; they have topic {labels.get('topic', 'none')} (1)" in fitting.reasons()[0]


def test_rewrite_warns_of_a_recipe_that_fits_no_text(tokenizer):
    with pytest.warns(UserWarning, match="takes none of 1 documents: its `when` has languages: de"):
        rewrite(["The tide rises."], {"use": "wrap/easy", "when": {"languages": "de"}}, {"kind": "echo"}, tokenizer=tokenizer)
