"""How commands print wide tables and long texts."""

from __future__ import annotations

import re
from typing import Any

import orjson
from rich.console import Console


def wide_console(width: int) -> Console:
    """A console as wide as the terminal. Into a file or a pipe `width` characters: nothing is cut to a terminal that is not there."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=width)


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """A text of the web or of a model for a terminal: characters that would steer it, or turn its lines round, as their escapes."""
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text)


def shortened(value: Any, characters: int) -> str:
    """A text, or a value as JSON, cut to so many characters; what is cut off is counted."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= characters else f"{text[:characters]} … ({len(text) - characters} characters more)"


def print_json(value: Any) -> None:
    """A value as one JSON object on the standard output, for other programs."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode())
