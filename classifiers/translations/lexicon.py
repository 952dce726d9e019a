"""The tables of translations.yaml."""

from __future__ import annotations

import functools
from importlib import resources

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

_FILE = "translations.yaml"


class Lexicon(Section):
    """What translations and their sources are compared by."""

    length_factors: dict[str, float]
    scales: tuple[int, ...]
    multipliers: dict[str, int]
    as_near: float
    scripts: dict[str, tuple[str, ...]]


@functools.cache
def lexicon() -> Lexicon:
    """The tables, read once a process."""
    text = resources.files(__package__).joinpath(_FILE).read_text("utf-8")
    tables: Lexicon = validate(Lexicon, parse_yaml(text, _FILE), _FILE)
    return tables
