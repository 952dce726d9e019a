"""Functions that are declared to a model, as OpenAI's `tools` declare them, and what their schemas say of arguments and results."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.recipes.tools.schemas import checked, fault_of, with_properties
from rephrase.settings.paths import SHIPPED_LISTS

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as OpenAI allows it
_CURE = 'a line is {"type": "function", "function": {"name": "…", "description": "…", "parameters": {JSON schema of an object}}}'


@dataclass(frozen=True, slots=True)
class Function:
    """A declared function. Schemas are JSON, with `additionalProperties: false` wherever they list properties and say nothing of others."""

    name: str
    declaration: str
    """JSON, an entry of `tools`."""
    parameters: str
    result: str | None = None
    """Schema of what it gives; None where nothing is declared."""
    required: tuple[str, ...] = ()
    """Arguments that a call must have."""

    @property
    def tool(self) -> dict[str, Any]:
        """The entry of `tools`."""
        entry: dict[str, Any] = orjson.loads(self.declaration)
        return entry

    @property
    def gives_nothing(self) -> bool:
        """Whether it declares that its result is null, as one does that only acts."""
        return self.result is not None and orjson.loads(self.result).get("type") == "null"

    def fault_of_arguments(self, arguments: Any) -> str | None:
        """What the schema says against the arguments of a call; None where they are valid."""
        return fault_of(self.parameters, arguments)

    def fault_of_result(self, result: Any) -> str | None:
        """What the schema says against a result; None where it is valid, or nothing is declared."""
        return None if self.result is None else fault_of(self.result, result)


def read_functions(path: str) -> tuple[Function, ...]:
    """The functions of a JSONL file, one a line, or of a JSON list. `return` beside `parameters` is the schema of a function's result.

    Raises `UserError` with the line for what is no function.
    """
    if path.startswith(SHIPPED_LISTS):
        return _shipped(path)
    try:
        return _read(storage.read(path).decode("utf-8-sig"), path)
    except FileNotFoundError as error:
        raise UserError("there is no such file of functions", where=path, cure=_CURE) from error
    except UnicodeDecodeError as error:
        raise UserError("the file is no UTF-8", where=path, cure=_CURE) from error


@functools.cache
def _shipped(path: str) -> tuple[Function, ...]:
    return _read(files("rephrase.recipes").joinpath(path).read_text(encoding="utf-8"), path)


def _read(text: str, path: str) -> tuple[Function, ...]:
    read = [_function(entry, where) for entry, where in _entries(text, path)]
    if not read:
        raise UserError("there is no function", where=path, cure=_CURE)
    names = [function.name for function in read]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"there are two functions `{twice}`", where=path, cure="give each its own name")
    return tuple(read)


def _entries(text: str, path: str) -> list[tuple[Any, str]]:
    try:
        if text.lstrip().startswith("["):
            return [(entry, f"{path}, entry {number}") for number, entry in enumerate(orjson.loads(text), 1)]
    except orjson.JSONDecodeError as error:
        raise UserError(f"this is no JSON: {error}", where=path, cure=_CURE) from error
    entries = []
    for number, line in enumerate(text.split("\n"), 1):  # other ends of lines may stand in strings
        try:
            entries += [(orjson.loads(line), f"{path}, line {number}")] if line.strip() else []
        except orjson.JSONDecodeError as error:
            raise UserError(f"this is no JSON: {error}", where=f"{path}, line {number}", cure=_CURE) from error
    return entries


def _function(entry: Any, where: str) -> Function:
    inner = entry.get("function", entry) if isinstance(entry, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str) or not _NAME.fullmatch(inner["name"]):
        raise UserError("there is no function with a name of letters, digits, `_` and `-`", where=where, cure=_CURE)
    if not isinstance(inner.get("description"), str) or not inner["description"].strip():
        raise UserError(f"`{inner['name']}` has no description", where=where, cure="say in a sentence what it does: models go by it")
    parameters = inner.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        raise UserError(f"the parameters of `{inner['name']}` are no JSON schema of an object", where=where, cure=_CURE)
    result = inner.get("return")
    place = f"{where}, `{inner['name']}`"
    schemas = [checked(schema, place) for schema in (with_properties(parameters, place), result) if schema is not None]
    declared = {"name": inner["name"], "description": inner["description"].strip(), "parameters": parameters}
    declaration = orjson.dumps({"type": "function", "function": declared}).decode()
    required = tuple(name for name in parameters.get("required", ()) if name in parameters.get("properties", {}))
    return Function(inner["name"], declaration, schemas[0], schemas[1] if result is not None else None, required)
