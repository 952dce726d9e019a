"""How models spell the reasoning before an answer: the data of reasoning.yaml, and a pattern of all its marks."""

from __future__ import annotations

import functools
import re
from importlib import resources

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml


class Spellings(Section):
    """The spellings of reasoning; see reasoning.yaml."""

    elements: tuple[str, ...]
    brackets: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    sentences: tuple[tuple[str, str], ...]
    residues: tuple[str, ...]


@functools.cache
def spellings() -> Spellings:
    """Those of reasoning.yaml."""
    text = resources.files(__package__).joinpath("reasoning.yaml").read_text("utf-8")
    loaded: Spellings = validate(Spellings, parse_yaml(text, "reasoning.yaml"), "reasoning.yaml")
    return loaded


@functools.cache
def marks_pattern() -> str:
    """A regular expression of each tag that opens or closes reasoning. It has no groups, and is for a text in lower case.

    Tags count as they are typed too: `< think >`, `&lt;think&gt;`, `＜think＞`.
    """
    table = spellings()
    names = "|".join(sorted(map(re.escape, table.elements), key=len, reverse=True))
    # Quantifiers are bounded: a text of nothing but brackets takes linear time. Each alternative begins with a sign of its own.
    element = rf"\s?[/／]?\s?(?:{names})(?:\s[^<>\n]{{0,100}})?\s?/?(?:>|&gt;|＞)"
    bracket = rf"\[\s?/?\s?(?:{'|'.join(map(re.escape, table.brackets))})\s?\]"
    # Ends that other elements share are no marks of reasoning by themselves.
    signs = sorted({sign for pair in table.pairs for sign in pair} - {"<|end|>", "<|eom|>"}, key=len, reverse=True)
    return "|".join([*(f"{sign}{element}" for sign in ("<", "&lt;", "＜")), bracket, *(re.escape(sign.lower()) for sign in signs)])
