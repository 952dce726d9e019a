"""Signs of mathematics as LaTeX, one by one, after the table in mathml.yaml and that of the package pylatexenc."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from importlib import resources

from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import parse_yaml

_ENSURED = re.compile(r"\\ensuremath\{(.*)\}")
_COMMAND_END = re.compile(r"\\[A-Za-z]+$")
_LONGEST_COMMAND = 40  # characters


class Table(Section):
    """What mathml.yaml says, key by key."""

    symbols: dict[str, str]
    unseen: str
    functions: str
    limits: str
    variants: dict[str, str]
    over: dict[str, tuple[str, str]]
    under: dict[str, tuple[str, str]]
    arrows: dict[str, str]
    matrices: dict[str, str]


@functools.cache
def table() -> Table:
    """The table in mathml.yaml."""
    text = resources.files(__package__).joinpath("mathml.yaml").read_text("utf-8")
    valid: Table = validate(Table, parse_yaml(text, "mathml.yaml"), "mathml.yaml")
    return valid


@functools.cache
def functions() -> frozenset[str]:
    """Names that LaTeX has a command for."""
    return frozenset(table().functions.split())


@functools.cache
def limits() -> frozenset[str]:
    """What has its scripts above and below it, as LaTeX."""
    return frozenset(table().limits.split())


@functools.lru_cache(maxsize=4096)
def _symbol(character: str) -> str:
    """One character as LaTeX in mathematics."""
    if character in table().symbols:
        return table().symbols[character]
    if character in table().unseen:
        return ""
    if character.isascii():
        return character
    from pylatexenc.latexencode import get_builtin_uni2latex_dict

    command = get_builtin_uni2latex_dict().get(ord(character), "")
    ensured = _ENSURED.fullmatch(command)
    return ensured[1] if ensured else character


def symbols_of(text: str) -> str:
    """Signs as LaTeX."""
    return joined([_symbol(character) for character in text])


def joined(parts: Sequence[str]) -> str:
    """Parts one after the other, with spaces only where a command would run into a letter."""
    written = ""
    pieces: list[str] = []
    for part in parts:
        if part and part[0].isalpha() and _COMMAND_END.search(written[-_LONGEST_COMMAND:]):
            pieces.append(" ")
        pieces.append(part)
        written = part or written
    return "".join(pieces)
