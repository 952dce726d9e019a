"""How commands print wide tables and long texts."""

from __future__ import annotations

from typing import Any

import orjson
from rich.console import Console


def wide_console(width: int) -> Console:
    """A console as wide as the terminal. Into a file or a pipe `width` characters: nothing is cut to a terminal that is not there."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=width)


def shortened(value: Any, characters: int) -> str:
    """A text, or a value as JSON, cut to so many characters; what is cut off is counted."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= characters else f"{text[:characters]} … ({len(text) - characters} characters more)"
