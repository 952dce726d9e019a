"""All that is measured of a translation beside its source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from classifiers.translations.languages import share_in_language, share_in_script
from classifiers.translations.lengths import length_ratio, worst_ratio
from classifiers.translations.numbers import compare_numbers
from classifiers.translations.verbatim import kept_share, names_kept, untranslated_share, without_fixed
from rephrase.text.blocks import has_blank_lines, paragraphs_of


@dataclass(frozen=True, slots=True)
class Pair:
    """A translation and its source, with the tags of their languages."""

    text: str
    source: str
    language: str
    source_language: str | None


def measures_of(pair: Pair) -> dict[str, float]:
    """The scores of the check `aligned`, by the ends of their names, but for that of a translation back."""
    text, source, languages = pair.text, pair.source, (pair.language, pair.source_language)
    by_lines = not has_blank_lines(source)
    written, shown = paragraphs_of(text, by_lines=by_lines), paragraphs_of(source, by_lines=by_lines)
    numbers = compare_numbers(text, source)
    shown_names, names = names_kept(text, source, *languages)
    return {
        "paragraphs": min(len(written), len(shown)) / max(len(written), len(shown), 1),
        "length": length_ratio(text, source, *languages),
        "paragraph_length": worst_ratio(written, shown, *languages) if len(written) == len(shown) else math.nan,
        "language": share_in_language([without_fixed(paragraph) for paragraph in written], pair.language),
        "script": share_in_script(without_fixed(text), pair.language),
        "shown_numbers": numbers.shown,
        "numbers": numbers.kept / numbers.shown if numbers.shown else math.nan,
        "written_numbers": numbers.written,
        "new_numbers": numbers.new / numbers.written if numbers.written else math.nan,
        "shown_names": shown_names,
        "names": names,
        "fixed": kept_share(text, source),
        "untranslated": untranslated_share(text, source, *languages),
    }
