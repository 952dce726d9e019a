"""Names of languages: crawls, detectors and people write one language in many ways, and all of them are compared here."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import cache, lru_cache

UNKNOWN = "und"
"""BCP 47's tag of a text whose language is not known."""
SAME = "same"
"""Stands for a document's own language, where one is asked for."""
SEVERAL = "mul"
"""That of a text in several languages."""

_NOTHING = {"", "und", "none", "null", "n/a", "unk", "unknown", "undetermined", "root", "-", "?"}
_MAX_LENGTH = 64  # no tag and no name is longer
# Beyond what CLDR unites. Today's CLDR writes Bokmål `no`. FLORES-200 and the detectors trained for it know Pashto and Quechua
# as one of their languages only, and Wikipedia's Simple English is English. The registry has no short name of the last two.
_UNITED = {"nb": "no", "pbt": "ps", "quy": "qu", "simple": "en", "mandarin": "zh", "farsi": "fa"}
# Scripts that are written together, by the name of the whole. Han alone may be either kind of Chinese, and the last three are none.
_SCRIPTS = {"Hang": "Kore", "Hira": "Jpan", "Kana": "Jpan", "Hrkt": "Jpan", "Hani": "", "Zyyy": "", "Zxxx": "", "Zzzz": ""}


@lru_cache(4096)
def language_tag(text: str) -> str:
    """The BCP 47 tag of a language: `en` for `eng_Latn`, `English` or `__label__en`, `zh-Hant-TW` for `zh_tw`, `und` where there is none.

    A tag may be of BCP 47, ISO 639-1, -2 or -3, with a script or a region, a locale's name or an English name; of a list the first
    counts. The language is the shortest code, and the macrolanguage of a standard variety (`cmn` is `zh`), as Unicode's CLDR has it. A
    script is left out where the language has no other, and added where the region tells it. What is no language stays as it is, in lower
    case, so that labels of one's own can be compared. Tags that say more and less of one language differ: compare by `same_language`.
    """
    from langcodes import Language, tag_is_valid

    plain = re.split(r"[,;|.@]", text)[0].strip(" \t\r\n\"'").removeprefix("__label__").casefold()
    if plain in _NOTHING:
        return UNKNOWN
    if len(plain) > _MAX_LENGTH:
        return plain
    try:
        language = Language.get(_UNITED.get(plain, plain)).prefer_macrolanguage()
    except ValueError:  # langcodes' own is one
        language = None
    if language is None or not language.language or not tag_is_valid(language.language):
        name = re.sub(r"\(.*", "", plain).strip()
        return _english_names().get(name, plain)
    code = _UNITED.get(language.language, language.language)
    script = _SCRIPTS.get(language.script or "", language.script)
    if language.territory and not language.script:
        script = language.maximize().script
    return Language.make(code, script=script or None, territory=language.territory).simplify_script().to_tag()


def same_language(one: str | None, other: str | None) -> bool:
    """Whether two names mean the same language, however each is written.

    A script or a region counts where both tell one: `zh` is the same as `zh-Hans` and `zh-Hant`, which are not the same as each other.
    Null and `und` are the same as each other alone.
    """
    first, second = language_tag(one or ""), language_tag(other or "")
    if first == second:
        return True
    (code, *parts), (other_code, *other_parts) = first.split("-"), second.split("-")
    kinds, other_kinds = ({len(part): part for part in each} for each in (parts, other_parts))  # a script has four letters, a region never
    return code == other_code and all(other_kinds.get(kind, part) == part for kind, part in kinds.items())


def primary_language(text: str | None) -> str:
    """The language alone, without script and region: `zh` for `zh_tw`, `und` where there is none."""
    return language_tag(text or "").split("-")[0]


def is_language(text: str) -> bool:
    """Whether a text names a language that is registered, in any spelling; `und` is none."""
    from langcodes import tag_is_valid

    tag = language_tag(text)
    return tag != UNKNOWN and tag.split("-")[0].islower() and tag_is_valid(tag)


def english_name(text: str) -> str | None:
    """The English name of a language, `Polish` for `pol_Latn`; None for what is no language."""
    code = primary_language(text)
    names = [name for name, tag in _english_names().items() if tag == code] if is_language(text) else []
    return names[0].title() if names else None


def nearest_tag(text: str, tags: Container[str]) -> str | None:
    """That of some tags which fits a language best: the same, without its region, then without its script. None where none fits."""
    code, *parts = language_tag(text).split("-")
    scripts = [part for part in parts if len(part) == len("Latn")]
    candidates = [language_tag(text), *(f"{code}-{script}" for script in scripts), code]
    return next((candidate for candidate in candidates if candidate in tags), None)


@lru_cache(4096)
def script_of(text: str) -> str | None:
    """The ISO 15924 script that a language is written in: `Thai` for `th`, `Hans` for `zh`; None for what is no language."""
    from langcodes import Language

    return Language.get(language_tag(text)).maximize().script if is_language(text) else None


@cache
def _english_names() -> dict[str, str]:
    """Codes by the names in lower case that IANA's registry gives; what it adds in parentheses is left out."""
    from langcodes.registry_parser import parse_registry

    names: dict[str, str] = {}
    for entry in parse_registry():  # type: ignore[no-untyped-call]
        if entry.get("Type") == "language" and len(entry["Subtag"]) <= 3:
            for description in entry["Description"]:
                name = re.sub(r" \(.*", "", description).casefold().removeprefix("modern ")
                names.setdefault(name, language_tag(entry["Subtag"]))
    return names
