"""Marks around the reasoning of a model, as models, templates and servers spell them: the data are in reasoning.yaml beside this file."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml


class Pair(Section):
    """What opens reasoning, and what ends it."""

    open: str
    close: str


class Spellings(Section):
    """The data of reasoning.yaml."""

    names: tuple[str, ...]
    opening_brackets: tuple[str, ...]
    closing_brackets: tuple[str, ...]
    pairs: tuple[Pair, ...]
    phrases: tuple[Pair, ...]
    answer_marks: tuple[str, ...]
    residues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place where reasoning begins or ends, in characters; `void` is a mark that opens and closes at once."""

    kind: Literal["open", "close", "void"]
    start: int
    end: int
    family: int  # marks of one family close each other: -1 for bracketed names, else the number of the pair
    sure: bool  # an opening mark that counts even where nothing closes it


@functools.cache
def spellings() -> Spellings:
    """How reasoning is marked."""
    text = resources.files(__package__).joinpath("reasoning.yaml").read_text("utf-8")
    table: Spellings = validate(Spellings, parse_yaml(text, "reasoning.yaml"), "reasoning.yaml")
    return table


def _any_of(texts: tuple[str, ...]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


def _names() -> str:
    """Names as they stand in brackets. One of several words is written with an underscore, a hyphen, a space, or as one."""
    names = _any_of(spellings().names).replace("_", r"[_ \t-]?")
    return rf"(?:(?P<before>begin|start|end)_(?:of_)?)?(?P<name>{names})(?:_(?P<behind>begin|start|end))?"


@functools.cache
def _pattern() -> re.Pattern[str]:
    table = spellings()
    opening, closing = _any_of(table.opening_brackets), _any_of(table.closing_brackets)
    bracketed = (
        rf"(?P<bracket>{opening})[ \t]?(?P<slash>[/\\]?)[ \t]?(?:\w{{1,20}}:)?{_names()}"
        rf"(?:[ \t][^<>\[\]\n]{{0,200}}?)?(?P<void>/?)[ \t]?(?:{closing})"
    )
    opens, closes = _any_of(tuple(pair.open for pair in table.pairs)), _any_of(tuple(pair.close for pair in table.pairs))
    return re.compile(rf"{bracketed}|(?P<opens>{opens})|(?P<closes>{closes})", re.IGNORECASE)


@functools.cache
def _first_characters() -> tuple[str, ...]:
    """Those that all marks begin with: most texts hold none, and are looked at no closer."""
    table = spellings()
    signs = [*table.opening_brackets, *(mark for pair in table.pairs for mark in (pair.open, pair.close))]
    return tuple(sorted({case for sign in signs for case in (sign[0].lower(), sign[0].upper())}))


@functools.cache
def _families() -> dict[str, int]:
    return {mark.lower(): number for number, pair in enumerate(spellings().pairs) for mark in (pair.open, pair.close)}


@functools.cache
def marks_pattern() -> str:
    """A regular expression of each mark that opens or closes reasoning. It has no groups, and is for a text in lower case.

    Of names in square brackets only `[think]` is one: others are rather stage directions.
    """
    table = spellings()
    # Quantifiers are bounded: a text of nothing but brackets takes linear time. Each alternative begins with a sign of its own.
    names = re.sub(r"\?P<\w+>", "?:", _names())
    element = rf"\s?[|｜]?[/／\\]?\s?(?:\w{{1,20}}:)?{names}(?:\s[^<>\n]{{0,100}})?\s?/?[|｜]?(?:>|&gt;|＞|▷)"
    signs = sorted({mark.lower() for pair in table.pairs for mark in (pair.open, pair.close)}, key=len, reverse=True)
    harmony = r"<\|channel\|>\s{0,4}(?:analysis|commentary)"
    elements = [f"{sign}{element}" for sign in ("<", "&lt;", "＜", "◁")]
    return "|".join([*elements, r"\[\s?/?\s?think\s?\]", harmony, *map(re.escape, signs)])


def marks(text: str) -> list[Mark]:
    """All places of a text that are spelled like the beginning or the end of reasoning."""
    if not any(character in text for character in _first_characters()):
        return []
    return [_mark(match) for match in _pattern().finditer(text)]


def _mark(match: re.Match[str]) -> Mark:
    if not match["name"]:
        return Mark("open" if match["opens"] else "close", *match.span(), _families()[match[0].lower()], sure=True)
    ends = match["slash"] or "end" in ((match["before"] or "").lower(), (match["behind"] or "").lower())
    kind: Literal["open", "close", "void"] = "close" if ends else "void" if match["void"] else "open"
    # Square brackets around a lower-case word are rather a stage direction: "[thinking] Well …".
    return Mark(kind, *match.span(), -1, sure=match["bracket"] != "[" or match["name"].isupper())


def opens_reasoning(prompt: str) -> bool:
    """Whether a rendered prompt ends inside reasoning, so that the completion begins there."""
    text = prompt.rstrip()
    last = next(iter(reversed(marks(text[-200:]))), None)
    return last is not None and last.kind == "open" and last.sure and last.end == len(text[-200:])
