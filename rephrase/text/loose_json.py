r"""JSON as models write it: in prose or a fence, with trailing commas, comments, line breaks in strings, single or curly quotes, cut short.

What is broken beyond that is not guessed: an item that does not end is left out. (The package json-repair ends such items itself, takes
`\frac` for a form feed and fails on brackets in prose.) Time is linear in the length, and no more is read than a prompt can ask for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from rephrase.text.json_escapes import unescaped

_DEEPEST = 40  # levels; nothing that a prompt of ours asks for has more than three
_DEEPEST_MEMBER = 3  # levels of objects around a list
_MOST_STARTS = 200  # brackets that are tried
_MOST_CHARACTERS = 200_000  # of a text that are looked at
_BLANK = re.compile(r"(?:\s++|//[^\n]*+|/\*(?:[^*]|\*(?!/)){0,2000}+\*/|\#[^\n]*+|\.\.\.|…)*+")
_NUMBER = re.compile(r"[-+]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][-+]?\d{1,3})?(?![\w.])")
_LEAST_WHOLE, _MOST_WHOLE = -(2**63), 2**64 - 1  # beyond, a number can be stored only rounded, which is another one
_WORD = re.compile(r"[A-Za-z_$][\w$-]{0,100}+")
_NAMED = {"true": True, "false": False, "null": None, "none": None, "nan": None, "undefined": None}
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "”": "”", "`": "`", "«": "»"}
_SPECIAL = {quote: re.compile(rf"[\\{re.escape(ends)}]") for quote, ends in _QUOTES.items()}
# What follows the end of a string; other quotes stand inside of it, as do those before a comma and a mere word. The last: the next
# member's name, where the comma is missing.
_BARE_WORD = r"\s*+(?!(?:true|false|null|none|nan|undefined)(?!\w))[^\W\d_][\w'’-]{0,60}+(?!\s*+[:：=])"
_AFTER_STRING = re.compile(
    rf"\s*+(?:[:}}\]]|,(?!{_BARE_WORD})|;\s*+[\"“'\[{{]|\Z|```|//|/\*|\#|[：，]\s*+[\"“'\[{{]|[\"“'][\w -]{{1,60}}[\"”']\s*+[:：])",
    re.IGNORECASE,
)
_START = re.compile(r"[\[{]")


class _CutError(Exception):
    """The text ends where a value should go on."""


class _WrongError(Exception):
    """What stands here is no JSON of any kind."""


def read_json(text: str, fits: Callable[[Any], bool]) -> Any:
    r"""The first list or object of a text that fits, else the list of all objects in it, one after the other; None if neither does.

    `fits` is asked for each value that can be read. What a list holds that does not end is left out.

    >>> read_json('Here [as asked]: [{"genre": "tale",}, // a child\n {"genre": "ode"', lambda value: isinstance(value[0], dict))
    [{'genre': 'tale'}, {'genre': 'ode'}]
    """
    objects = []
    for value in _values(text[:_MOST_CHARACTERS]):
        for candidate in _with_members(value):
            if _safely(fits, candidate):
                return candidate
        if isinstance(value, dict):
            objects.append(value)
    return objects if objects and _safely(fits, objects) else None


def _with_members(value: Any, depth: int = 0) -> Iterator[Any]:
    """A value, and what the members of an object hold: {"result": {"items": [ … ]}}."""
    yield value
    if isinstance(value, dict) and depth < _DEEPEST_MEMBER:
        for inner in value.values():
            yield from _with_members(inner, depth + 1)


def _safely(fits: Callable[[Any], bool], value: Any) -> bool:
    try:
        return bool(fits(value))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        return False


def _values(text: str) -> Iterator[Any]:
    """Lists and objects of a text in order; those inside of one only where it cannot be read."""
    position = 0
    budget = len(text) + 10_000  # characters that may be read again after a bracket that began nothing
    for _ in range(_MOST_STARTS):
        start = _START.search(text, position)
        if start is None or budget < 0:
            return
        reader = _Reader(text, start.start())
        try:
            value = reader.value()
        except (_WrongError, _CutError):
            budget -= reader.furthest - start.start()
            position = start.end()
        else:
            yield value
            # What stands in a list that does not fit, or that began in prose, may be what is asked for.
            position = start.end() if isinstance(value, list) else reader.position
            budget -= reader.position - start.start() if isinstance(value, list) else 0


class _Reader:
    """Reads one value from a place of a text on."""

    def __init__(self, text: str, position: int) -> None:
        self.text, self.position, self.furthest = text, position, position
        self._cut = False  # whether the text ended inside of what was read: that may have gone on

    def value(self, depth: int = 0) -> Any:
        """The value that begins here. Raises `_WrongError` or `_CutError` where there is none."""
        self._skip_blank()
        if depth > _DEEPEST:
            raise _WrongError
        character = self._peek()
        if character == "[":
            return self._list(depth)
        if character == "{":
            return self._object(depth)
        if character in _QUOTES:
            return self._string()
        return self._bare()

    def _skip_blank(self) -> None:
        match = _BLANK.match(self.text, self.position)
        self.position = match.end() if match else self.position
        self.furthest = max(self.furthest, self.position)

    def _peek(self) -> str:
        if self.position >= len(self.text) or self.text.startswith("```", self.position):  # the end of a fence
            raise _CutError
        return self.text[self.position]

    def _list(self, depth: int) -> list[Any]:
        self.position += 1
        items: list[Any] = []
        try:
            while not self._closes("]"):
                items.append(self.value(depth + 1))
                self._comma("]", isinstance(items[-1], dict | list | str))
        except _CutError:
            if not items:
                raise
            self._cut = True
        return items

    def _object(self, depth: int) -> dict[str, Any]:
        self.position += 1
        members: dict[str, Any] = {}
        try:
            while not self._closes("}"):
                self._member(members, depth)
                self._comma("}", may_be_missing=True)
        except _CutError:
            # Only the bracket may be missing: an object whose last member is cut is not whole.
            if not members or self._cut:
                raise
        return members

    def _member(self, members: dict[str, Any], depth: int) -> None:
        try:
            key = self._string() if self._peek() in _QUOTES else self._key()
            self._skip_blank()
            if self._peek() not in ":：=":
                raise _WrongError
            self.position += 1
            members[key] = self.value(depth + 1)
        except _CutError:
            self._cut = True
            raise
        if self._cut:
            raise _CutError

    def _closes(self, bracket: str) -> bool:
        """Whether the list or object ends here; where another's bracket stands instead, its own is missing."""
        self._skip_blank()
        while self._peek() == ",":  # one too many
            self.position += 1
            self._skip_blank()
        if self._peek() == bracket:
            self.position += 1
            return True
        return self._peek() in "]}"

    def _comma(self, bracket: str, may_be_missing: bool) -> None:  # private
        self._skip_blank()
        character = self._peek()
        if character in ",;，、":
            self.position += 1
        elif character not in f"{bracket}]}}" and not (may_be_missing and (character in _QUOTES or character in "[{")):
            raise _WrongError

    def _string(self) -> str:
        quote = self.text[self.position]
        special = _SPECIAL[quote]
        start = at = self.position + 1
        while match := special.search(self.text, at):
            at = match.end()
            if match[0] == "\\":
                at += 1
            elif _AFTER_STRING.match(self.text, at):  # others are quotes inside the text
                self.position = at
                self.furthest = max(self.furthest, at)
                return unescaped(self.text[start : at - 1])
        self.furthest = len(self.text)
        raise _CutError

    def _key(self) -> str:
        word = _WORD.match(self.text, self.position)
        if word is None:
            raise _WrongError
        self.position = word.end()
        return word[0]

    def _bare(self) -> Any:
        """A number or a name such as `true`; one at the very end of the text may be cut."""
        match = _NUMBER.match(self.text, self.position) or _WORD.match(self.text, self.position)
        if match is None:
            raise _WrongError
        if match.end() == len(self.text):
            raise _CutError
        self.position = match.end()
        token = match[0]
        if token[0].isalpha() or token[0] in "_$":
            if token.lower() not in _NAMED:
                raise _WrongError
            return _NAMED[token.lower()]
        if not any(sign in token for sign in ".eE"):
            return whole if _LEAST_WHOLE <= (whole := int(token)) <= _MOST_WHOLE else None
        return number if math.isfinite(number := float(token)) else None
