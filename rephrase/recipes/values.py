"""The values that a template is filled with: parts of what earlier steps made, as they go from step to step and as they are written."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import orjson

from rephrase.records import Generation

_BASE = ("passage", "neighbour", "lines", "title", "url")  # come from the document each time, and are not handed on from step to step


def fields_of(generation: Generation) -> dict[str, Any]:
    """The parts of an earlier step's result; its text stands under the step's name."""
    fields: dict[str, Any] = _loads(generation.fields) if generation.fields else {}
    return {generation.step: generation.text, **fields} if generation.text is not None else dict(fields)


@functools.lru_cache(maxsize=64)  # a row's prompts share their step's result
def _loads(fields: str) -> dict[str, Any]:
    values: dict[str, Any] = orjson.loads(fields)
    return values


def handed_on(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What later steps cannot find anew: results of earlier steps, and what was drawn."""
    return {name: value for name, value in values.items() if name not in _BASE and options.get(name) != value and name != "items"}


def texts_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The values as prompts and training texts show them: a list with a bullet before each item."""
    return {name: value if isinstance(value, str) else _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
