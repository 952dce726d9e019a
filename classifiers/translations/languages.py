"""Which language and which script a translation is in."""

from __future__ import annotations

import functools
import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

from classifiers.translations.lexicon import lexicon
from rephrase.text.languages import primary_language, script_of

_LEAST_BYTES = 150  # of a paragraph whose language is looked for: shorter ones are often taken for another
_NEAREST = 4  # languages that are looked at for one as near as the nearest


def share_in_language(paragraphs: Sequence[str], language: str) -> float:
    """The share of characters that stand in paragraphs of the language, of those whose language can be told.

    By Resiliparse's profiles of 101 languages. NaN where it has none of the language, and where no paragraph is long enough.
    """
    from resiliparse.parse.lang import detect_fast

    code = primary_language(language)
    if code not in _profiles():
        return math.nan
    told = right = 0
    for paragraph in paragraphs:
        if len(paragraph.encode("utf-8", "replace")) < _LEAST_BYTES:
            continue
        whole = paragraph.encode("utf-8", "replace").decode("utf-8")  # lone surrogates are none of its
        profiles = detect_fast(unicodedata.normalize("NFC", whole), n_results=_NEAREST)
        nearest = profiles if isinstance(profiles, list) else [profiles]
        if nearest:
            told += len(paragraph)
            as_near = nearest[0][1] * lexicon().as_near
            right += len(paragraph) * any(primary_language(name) == code and rank <= as_near for name, rank in nearest)
    return right / told if told else math.nan


def share_in_script(text: str, language: str) -> float:
    """The share of the letters that are of the language's script; NaN where there is no letter, or nobody knows the script."""
    script = script_of(language)
    beginnings = _beginnings(script) if script else ()
    if not beginnings:
        return math.nan
    letters = inside = 0
    for character, count in Counter(text).items():
        if character.isalpha():
            letters += count
            inside += count * (_first_word(character) in beginnings)
    return inside / letters if letters else math.nan


@functools.cache
def _profiles() -> frozenset[str]:
    from resiliparse.parse.lang import supported_langs

    return frozenset(map(primary_language, supported_langs()))


@functools.lru_cache(maxsize=1 << 16)
def _first_word(character: str) -> str:
    return unicodedata.name(character, "").split(" ")[0].split("-")[0]


@functools.cache
def _beginnings(script: str) -> tuple[str, ...]:
    from langcodes.registry_parser import parse_registry

    if script in lexicon().scripts:
        return lexicon().scripts[script]
    entries = parse_registry()  # type: ignore[no-untyped-call]
    names = (entry["Description"][0] for entry in entries if entry.get("Type") == "script" and entry["Subtag"] == script)
    return tuple(name.split(" ")[0].upper() for name in names)
