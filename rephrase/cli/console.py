"""How commands print wide tables and long texts."""

from __future__ import annotations

from typing import Any

import orjson

from rephrase.live.plain_console import PlainConsole, harmless

__all__ = ["harmless", "print_json", "shortened", "wide_console"]


def wide_console(width: int) -> PlainConsole:
    """A console as wide as the terminal. Into a file or a pipe `width` characters: nothing is cut to a terminal that is not there."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=width)


def shortened(value: Any, characters: int) -> str:
    """A text, or a value as JSON, cut to so many characters; what is cut off is counted."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= characters else f"{text[:characters]} … ({len(text) - characters} characters more)"


def print_json(value: Any) -> None:
    """A value as one JSON object on the standard output, for other programs."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode())
