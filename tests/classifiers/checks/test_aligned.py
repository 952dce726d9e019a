"""Translations beside their sources in eight languages, as they should be and with planted faults."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from classifiers.checks.aligned import Aligned, AlignedSettings
from classifiers.translations.lengths import length_ratio
from classifiers.translations.numbers import compare_numbers
from tests.classifiers.batches import batch

TEXTS: dict[str, str] = json.loads(Path(__file__).with_name("aligned_texts.json").read_text(encoding="utf-8"))
"""One text by language, written for this: English and its translations. Three paragraphs, with numbers, names, an address and code."""


def verdict(text: str | None, to: str, source: str, language: str | None, settings: dict[str, Any] | None = None, **fields: Any):
    parts = {"translated_to": to, "text_language": to, **fields} | ({"source_language": language} if language else {})
    check = Aligned("aligned", AlignedSettings(**(settings or {})))
    result = check(batch([text], source, "translate/document", languages=[to], fields=[json.dumps(parts)]))
    scores = {name.removeprefix("aligned."): float(values[0]) for name, values in result.scores.items()}
    return bool(result.keep[0]), {name: score for name, score in scores.items() if not math.isnan(score)}


def unbounded(*names: str) -> dict[str, Any]:
    """Settings without any bound but these, which keep their defaults."""
    bounds = [name for name in AlignedSettings.model_fields if name.startswith(("min_", "max_")) and name != "min_count"]
    assert set(names) <= set(bounds)
    return {name: None for name in bounds if name not in names}


@pytest.mark.parametrize(("language", "to"), [*itertools.permutations(TEXTS, 2)])
def test_a_translation_in_any_of_56_directions_is_kept(language, to):
    kept, scores = verdict(TEXTS[to], to, TEXTS[language], language)
    assert kept, scores
    assert (scores["paragraphs"], scores["language"], scores["fixed"], scores["untranslated"]) == (1, 1, 1, 0)
    assert scores["numbers"] >= 0.8
    assert scores["script"] > 0.98
    assert 0.6 < scores["length"] < 1.7


def paragraphs(text: str) -> list[str]:
    return text.split("\n\n")


FAULTS: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "a paragraph lost": ("min_paragraphs", lambda text, _: "\n\n".join(paragraphs(text)[:2])),
    "two paragraphs in one": ("min_paragraphs", lambda text, _: text.replace("\n\n", "\n", 1)),
    "a note behind it": ("min_paragraphs", lambda text, _: f"{text}\n\nNote: the numbers were left as they are."),
    "the first sentence alone": ("max_length", lambda text, _: text[: len(text) // 5]),
    "it goes on and on": ("max_length", lambda text, _: text * 6),
    "a paragraph of a few words": ("max_paragraph_length", lambda text, _: "\n\n".join([*paragraphs(text)[:2], paragraphs(text)[2][:5]])),
    "not translated": ("max_untranslated", lambda _, source: source),
    "a paragraph not translated": ("max_untranslated", lambda text, source: "\n\n".join([*paragraphs(text)[:2], paragraphs(source)[2]])),
    "into another language": ("min_language", lambda *_: TEXTS["ru"]),
    "in another script": ("min_script", lambda *_: TEXTS["ru"]),
    "other numbers": ("min_numbers", lambda text, _: text.translate(OTHER_DIGITS)),
    "numbers made up": ("max_new_numbers", lambda text, _: f"{text} 10713 22919 31337 47 5511 68,5 79,9 811 977 1066 1234 15.5 17.25"),
    "the address lost": ("min_fixed", lambda text, _: text.replace("https://lights.example.org/eddystone", "")),
    "code translated": ("min_fixed", lambda text, _: text.replace("`height = 49`", "`hoch = 49`")),
}
OTHER_DIGITS = str.maketrans("0123456789٠١٢٣٤٥٦٧٨٩", "37850924613785092461")


@pytest.mark.parametrize("to", ["de", "zh", "ar", "ja", "th", "hi"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_rejected_by_the_bound_that_is_for_it(fault, to):
    bound, planted = FAULTS[fault]
    source = TEXTS["en"]
    text = planted(TEXTS[to], source)
    kept, scores = verdict(text, to, source, "en", unbounded(bound))
    assert not kept, scores
    assert verdict(TEXTS[to], to, source, "en", unbounded(bound))[0]
    assert verdict(text, to, source, "en", unbounded())[0], "without a bound nothing is rejected, and scores are kept all the same"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.234,5", "1,234.5"),
        ("1 234,5", "1,234.5"),
        ("1’234.50", "1234,5"),
        ("١٬٢٣٤٫٥", "1,234.5"),
        ("१,२३,४५६", "123,456"),
        ("1,00,000", "100 000"),
        ("0,5", "0.5"),
        ("30,000", "3万"),
        ("120,000,000", "1億2000万"),
        ("120,000,000", "1억 2000만"),
        ("2.5 million", "2 500 000"),
        ("12 Uhr 30", "12:30"),
    ],
)
def test_numbers_are_the_same_however_a_language_writes_them(one, other):
    for text, source in ((one, other), (other, one)):
        numbers = compare_numbers(text, source)
        assert numbers.shown
        assert (numbers.kept, numbers.new) == (numbers.shown, 0)


@pytest.mark.parametrize(("one", "other"), [("15", "150"), ("1.5", "15"), ("1698", "1689"), ("12.75", "12.57")])
def test_numbers_that_differ_are_not_the_same(one, other):
    numbers = compare_numbers(one, other)
    assert (numbers.shown, numbers.kept, numbers.new) == (1, 0, 1)


def test_numbers_of_one_digit_are_said_by_words_and_do_not_count():
    assert compare_numbers("Drei Hunde", "3 dogs").shown == 0


def test_lengths_are_those_of_english_by_the_factors_of_nllb():
    assert length_ratio("字" * 100, "x" * 297, "zh", "en") == pytest.approx(1, abs=0.01)
    assert length_ratio("字" * 100, "x" * 320, "zh_TW", "eng_Latn") == pytest.approx(1, abs=0.01)
    assert length_ratio("x" * 90, "y" * 90, "xx", None) == 1, "a language without a factor has 1"


def test_the_bounds_that_were_published_are_the_defaults():
    bounds = AlignedSettings()
    assert (bounds.max_length, bounds.max_paragraph_length, bounds.min_numbers) == (3, 9, 0.5)


def test_what_is_no_translation_has_no_score_and_stays():
    check = Aligned("aligned", AlignedSettings())
    fields = [None, '{"answer": "x"}']
    result = check(batch(["Ein Text."] * 2, "A text.", fields=fields))
    assert all(math.isnan(score) for scores in result.scores.values() for score in scores)
    assert result.keep.tolist() == [True, True]
    kept, scores = verdict(None, "de", "A text.", "en", skipped="the document is in de")
    assert kept
    assert scores == {}


def test_in_a_text_of_both_the_translation_stands_apart():
    both = f"{TEXTS['en']}\n\n{TEXTS['de']}"
    assert verdict(both, "de", TEXTS["en"], "en", translation=TEXTS["de"])[0]
    kept, scores = verdict(both, "de", TEXTS["en"], "en", translation=paragraphs(TEXTS["de"])[0])
    assert not kept
    assert scores["paragraphs"] == pytest.approx(1 / 3)


def test_a_language_that_nobody_can_tell_goes_by_its_script():
    _, scores = verdict(TEXTS["de"], "tlh", TEXTS["en"], "en")
    assert "language" not in scores
    assert scores["script"] == 1


def test_the_similarity_of_a_translation_back_is_a_score_where_there_is_one():
    kept, scores = verdict(TEXTS["de"], "de", TEXTS["en"], "en", chrf=61.5)
    assert kept
    assert scores["back"] == 61.5
    assert not verdict(TEXTS["de"], "de", TEXTS["en"], "en", {"min_back": 70}, chrf=61.5)[0]
    assert "back" not in verdict(TEXTS["de"], "de", TEXTS["en"], "en", {"min_back": 70})[1]
