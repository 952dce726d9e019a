"""How commands print long texts, and what other programs read."""

from __future__ import annotations

from typing import Any

import orjson

from rephrase.live.plain_console import harmless

__all__ = ["harmless", "print_json", "shortened"]


def shortened(value: Any, characters: int) -> str:
    """A text, or a value as JSON, cut to so many characters; what is cut off is counted."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= characters else f"{text[:characters]} … ({len(text) - characters} characters more)"


def print_json(value: Any) -> None:
    """A value as one JSON object on the standard output, for other programs."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode())
