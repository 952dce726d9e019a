"""What stands whole in JSON that was cut."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_DECODER = json.JSONDecoder()
_COMMA = re.compile(r"\s*,\s*")


def entries_before_the_cut(text: str, name: str) -> list[Any]:
    """Those entries of a list that are whole. It is the only field of an object, under this name.

    >>> entries_before_the_cut('{"items": ["a tide", "a mo', "items")
    ['a tide']
    """
    entries: list[Any] = []
    before = re.compile(rf'\s*\{{\s*"{re.escape(name)}"\s*:\s*\[\s*').match(text)
    while before is not None:
        try:
            entry, end = _DECODER.raw_decode(text, before.end())
            orjson.dumps(entry)
        except (ValueError, RecursionError, TypeError):  # also half a character, numbers of thousands of digits, brackets without end
            break
        entries.append(entry)
        before = _COMMA.match(text, end)
    return entries
