"""The language that the script of a text suggests, where nobody has said which it is in."""

from __future__ import annotations

import re
from collections import Counter

from rephrase.text.languages import UNKNOWN

SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffff]")
"""A character of the scripts that put no spaces between words."""
_LOOKED_AT = 2000  # characters of a text
_LEAST = 0.3  # of its letters are in the script, so that a few foreign words say nothing. Ours
# Scripts with one language that most texts in them are in. Han is Japanese where kana stand beside it.
_SCRIPTS = {
    "th": re.compile(r"[\u0e01-\u0e4e]"),
    "hi": re.compile(r"[\u0900-\u0963]"),
    "ja": re.compile(r"[\u3041-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "zh": re.compile(r"[\u3400-\u9fff]"),
    "ar": re.compile(r"[\u0620-\u064a]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
}


def whole_words(text: str) -> str:
    """A pattern for some words, in which any white space is as good as another, and not for a part of others.

    Words of scripts that put no spaces between them have no bounds there.
    """
    inside = r"\s+".join(map(re.escape, text.split()))
    first, last = ("" if SPACELESS.match(end) else bound for end, bound in ((text.strip()[:1], r"(?<!\w)"), (text.strip()[-1:], r"(?!\w)")))
    return f"{first}{inside}{last}"


def language_by_script(text: str) -> str:
    """The code of the language that most texts in the script of this one are in; `und` for Latin and for all other scripts."""
    looked_at = text[:_LOOKED_AT]
    if looked_at.isascii():
        return UNKNOWN
    counts = Counter({code: len(pattern.findall(looked_at)) for code, pattern in _SCRIPTS.items()})
    counts["zh"], counts["ja"] = (0, counts["zh"] + counts["ja"]) if counts["ja"] > counts["zh"] / 10 else (counts["zh"], 0)
    code, most = counts.most_common(1)[0]
    return code if most > _LEAST * sum(map(str.isalpha, looked_at)) else UNKNOWN
