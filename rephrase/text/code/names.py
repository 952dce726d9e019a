"""Programming languages, and how code fences spell them: `C++` is "cpp" there, and `Python` "py"."""

from __future__ import annotations

import functools
from importlib.resources import files

import yaml


def language_of(word: str) -> str | None:
    """The language that a name or the word behind a fence stands for; None for a word that stands for none.

    >>> language_of("cpp"), language_of("C++"), language_of("output")
    ('C++', 'C++', None)
    """
    return _languages().get(word.strip().casefold())


@functools.cache
def _languages() -> dict[str, str]:
    names = yaml.safe_load(files(__package__).joinpath("names.yaml").read_text(encoding="utf-8"))
    return {word.casefold(): name for name, words in names.items() for word in (name, *words)}
