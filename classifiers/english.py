"""Whether a text is English, by its commonest words: for checks whose rules are of English alone, where nobody tells the language."""

from __future__ import annotations

import functools
import itertools
import re
from importlib import resources

from rephrase.settings.yaml_text import parse_yaml

_WORD = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 400  # of a text that are looked at
_LEAST_WORDS = 8  # fewer do not tell
_LEAST_SHARE = 0.04  # English prose has 0.1 and more; other languages in Latin letters have next to none


def is_english(text: str) -> bool:
    """Whether a text may be English: it is in Latin letters, and has the words that English cannot do without, or is too short to tell."""
    words = [match[0].lower() for match in itertools.islice(_WORD.finditer(text), _MOST_WORDS)]
    if 2 * sum(len(word) for word in words if word.isascii()) < sum(map(len, words)):
        return False
    return len(words) < _LEAST_WORDS or sum(word in _common() for word in words) >= _LEAST_SHARE * len(words)


@functools.cache
def _common() -> frozenset[str]:
    text = resources.files(__package__).joinpath("points.yaml").read_text("utf-8")
    return frozenset(parse_yaml(text, "points.yaml")["english"].split())
