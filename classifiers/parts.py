"""The parts of a text, as its recipe wrote them into the column `fields`."""

from __future__ import annotations

from typing import Any

import orjson


def parts_of(fields: str | None) -> dict[str, Any]:
    """The JSON object of a row; empty where there is none, or it is no object."""
    try:
        value = orjson.loads(fields) if fields else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def text_part(fields: str | None, name: str) -> str | None:
    """A part that is text; None for any other, and where there is none of that name."""
    value = parts_of(fields).get(name) if fields and f'"{name}"' in fields else None
    return value if isinstance(value, str) else None
