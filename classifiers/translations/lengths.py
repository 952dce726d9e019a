"""How long a translation is beside its source, where each is measured by what its language needs."""

from __future__ import annotations

import math

from classifiers.translations.lexicon import lexicon
from rephrase.text.languages import language_tag, primary_language, script_of

_LEAST = 15  # characters in English, as LibreTranslate/nllu has it: shorter ones may be any number of times as long


def english_length(text: str, language: str | None) -> float:
    """Characters that the text would have in English."""
    return len(text.strip()) * _factor(language)


def length_ratio(text: str, source: str, language: str | None, source_language: str | None) -> float:
    """Length of a translation over that of its source, both as in English; NaN where one of them says nothing."""
    written, shown = english_length(text, language), english_length(source, source_language)
    return written / shown if written and shown else math.nan


def worst_ratio(texts: list[str], sources: list[str], language: str | None, source_language: str | None) -> float:
    """The greatest number of times that one of a pair of paragraphs is as long as the other; NaN where all are short."""
    worst = math.nan
    for text, source in zip(texts, sources, strict=True):
        ratio = length_ratio(text, source, language, source_language)
        if max(english_length(text, language), english_length(source, source_language)) >= _LEAST:
            worst = max(ratio, 1 / ratio) if math.isnan(worst) else max(worst, ratio, 1 / ratio)
    return worst


def _factor(language: str | None) -> float:
    tag, factors = language_tag(language or ""), lexicon().length_factors
    code = primary_language(tag)
    with_script = f"{code}-{script_of(tag)}"
    return factors.get(with_script, factors.get(code, 1.0))
