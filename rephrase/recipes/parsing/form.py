"""An answer as JSON: what an engine is held to, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import Context, without_fence
from rephrase.recipes.parsing.cut_json import entries_before_the_cut
from rephrase.recipes.parsing.form_bounds import Shape, least_in


@dataclass(frozen=True, slots=True)
class Form:
    """An answer as JSON: its schema, the line of the prompt that asks for it, and the reader of its data."""

    schema: Shape
    closing: str
    _read: Callable[[Any, Context], Parsed]
    _schema_for: Callable[[Mapping[str, Any]], Shape] | None = None  # of a prompt filled with these values; None: the same for all

    @property
    def schema_text(self) -> str:
        """The schema as JSON, its fields in the order in which they are to be written."""
        return self.schema_text_in(None)

    def schema_text_in(self, language: str | None, values: Mapping[str, Any] | None = None) -> str:
        """The same for answers in a language, which may have fewer characters in as many tokens. None: English.

        values: what the prompt was filled with; None: nothing of it is known.
        """
        return orjson.dumps(least_in(self._schema(values), language)).decode()

    def _schema(self, values: Mapping[str, Any] | None) -> Shape:
        return self.schema if values is None or self._schema_for is None else self._schema_for(values)

    def parse(self, completion: str, context: Context) -> Parsed | None:
        """What an answer gives; None for one that is no JSON of this form, as engines write it that do not hold to schemas."""
        try:
            data = orjson.loads(without_fence(completion.strip(), in_prose=True))
        except orjson.JSONDecodeError:
            return None
        return self._read(data, context) if _fits(data, self._schema(context.values)) else None

    def parse_cut(self, completion: str, context: Context) -> Parsed | None:
        """What those entries of a list give that stand whole in an answer that was cut; None for other forms, or if these are too few."""
        [(name, shape), *others] = self.schema["properties"].items()
        if others or shape["type"] != "array":
            return None
        data = {name: entries_before_the_cut(completion, name)}
        parsed = self._read(data, context) if data[name] and _fits(data, self.schema) else None
        return None if parsed is None or parsed.error else parsed


def _fits(value: Any, schema: Shape) -> bool:
    """Whether a value has the types that a schema of this file asks for; bounds and numbers of items are seen to by who reads it."""
    match schema["type"]:
        case "object":
            fields = schema["properties"]
            return isinstance(value, dict) and all(name in value and _fits(value[name], part) for name, part in fields.items())
        case "array":
            return isinstance(value, list) and all(_fits(entry, schema["items"]) for entry in value)
        case "string":
            return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)
