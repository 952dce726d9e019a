"""Functions that are declared to a model, as OpenAI's `tools` declare them, and what their schemas say of arguments and results."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.paths import SHIPPED_LISTS

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as OpenAI allows it
_COMBINED = ("allOf", "anyOf", "oneOf", "$ref", "patternProperties", "unevaluatedProperties")
_INNER = ("items", "additionalProperties", "not", "if", "then", "else", "contains")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
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

    def fault_of_arguments(self, arguments: Any) -> str | None:
        """What the schema says against the arguments of a call; None where they are valid."""
        return fault_of(self.parameters, arguments)

    def fault_of_result(self, result: Any) -> str | None:
        """What the schema says against a result; None where it is valid, or nothing is declared."""
        return None if self.result is None else fault_of(self.result, result)


def fault_of(schema: str, value: Any) -> str | None:
    """Where a value departs from a JSON schema, and how: the deepest such place."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(schema).iter_errors(value))
    if error is None:
        return None
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {error.message}" if place else str(error.message)


@functools.lru_cache(maxsize=4096)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY

    return Draft202012Validator(orjson.loads(schema), registry=REGISTRY)  # a registry that fetches nothing


def read_functions(path: str) -> tuple[Function, ...]:
    """The functions of a JSONL file, one a line, or of a JSON list. `return` beside `parameters` is the schema of a function's result.

    Raises `UserError` with the line for what is no function.
    """
    if path.startswith(SHIPPED_LISTS):
        return _shipped(path)
    try:
        return _read(storage.read(path).decode(), path)
    except FileNotFoundError as error:
        raise UserError("there is no such file of functions", where=path, cure=_CURE) from error


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
    for number, line in enumerate(text.splitlines(), 1):
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
    schemas = [_checked(schema, f"{where}, `{inner['name']}`") for schema in (parameters, result) if schema is not None]
    declared = {"name": inner["name"], "description": inner["description"].strip(), "parameters": parameters}
    declaration = orjson.dumps({"type": "function", "function": declared}).decode()
    required = tuple(name for name in parameters.get("required", ()) if name in parameters.get("properties", {}))
    return Function(inner["name"], declaration, schemas[0], schemas[1] if result is not None else None, required)


def _checked(schema: Any, where: str) -> str:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise UserError(f"this is no JSON schema: {error.message}", where=where, cure="see https://json-schema.org") from error
    return orjson.dumps(_closed(schema, where), option=orjson.OPT_SORT_KEYS).decode()


def _closed(schema: Any, where: str) -> Any:
    """The schema, refusing what it does not name: a model's invented argument must not pass for lack of a word."""
    if not isinstance(schema, Mapping):
        return schema
    if not str(schema.get("$ref", "#")).startswith("#"):
        raise UserError(f"the schema refers to {schema['$ref']}, outside of the file", where=where, cure="write it out in its place")
    closed = dict(schema)
    for key in _INNER:
        if key in closed:
            closed[key] = _closed(closed[key], where)
    for key in _LISTS:
        if key in closed:
            closed[key] = [_closed(part, where) for part in closed[key]]
    for key in _MAPS:
        if key in closed:
            closed[key] = {name: _closed(part, where) for name, part in closed[key].items()}
    if "properties" in closed and "additionalProperties" not in closed and not any(key in closed for key in _COMBINED):
        closed["additionalProperties"] = False
    return closed
