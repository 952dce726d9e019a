"""Values that the schemas of functions allow, for tests of function calling."""

from __future__ import annotations

from typing import Any

import orjson

from rephrase.recipes.tools.functions import read_functions
from rephrase.recipes.tools.schemas import fault_of

FUNCTIONS = {function.name: function for function in read_functions("lists/functions.jsonl")}
_PATTERNED = ("2026-05-01", "12:30", "EUR", "de", "DE02120300000000202051")


def sample_of(schema: dict[str, Any], number: int = 0, text: str = "thing") -> Any:
    """A value that a schema allows, another for each number, with this text where it may be any."""
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    if "pattern" in schema:
        shape = orjson.dumps({"type": "string", "pattern": schema["pattern"]}).decode()
        return next(sample for sample in _PATTERNED if fault_of(shape, sample) is None)
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "array":
        return [sample_of(schema["items"], number, text)]
    if kind == "object":
        return {key: sample_of(schema["properties"][key], number, text) for key in schema.get("required", ())}
    return {"string": f"{text} {number}", "integer": 5 + number, "number": 5.5 + number, "boolean": True}[kind]


def valid_call(name: str, number: int = 0) -> dict[str, Any]:
    """A call of a shipped function, with other arguments for each number."""
    return {"name": name, "arguments": sample_of(FUNCTIONS[name].tool["function"]["parameters"], number)}
