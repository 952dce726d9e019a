"""JSON schemas of arguments and results: checked when they are read, closed to what they do not name, and asked about values."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from rephrase.errors import UserError

_VALUES = ("items", "additionalProperties", "contains", "unevaluatedItems", "unevaluatedProperties")  # schemas of other values
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_ALTERNATIVES = ("anyOf", "oneOf")
_SAYS_OF_OTHERS = ("additionalProperties", "unevaluatedProperties", "patternProperties")
_OPEN = (*_SAYS_OF_OTHERS, "$ref", "allOf", *_ALTERNATIVES)
# What engines cannot hold an answer to while it is written. It is looked at when it is whole.
_UNHELD = (
    *("unevaluatedProperties", "unevaluatedItems", "not", "if", "then", "else", "contains", "uniqueItems", "propertyNames"),
    *("dependentSchemas", "dependentRequired", "$dynamicRef", "$id"),
)
_DRAFT = "https://json-schema.org"


def with_properties(parameters: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The schema of a function's parameters; one that names none says that there are none.

    Raises `UserError` for a required parameter that is not named: no call could have it.
    """
    if any(key in parameters for key in _OPEN):
        return parameters
    named = {"properties": {}, **parameters}
    required, properties = parameters.get("required"), named["properties"]
    for name in required if isinstance(required, list) and isinstance(properties, Mapping) else ():
        if name not in properties:
            raise UserError(f"`{name}` is required, and is not among the properties", where=where, cure="describe it, or leave it out")
    return named


def checked(schema: Any, where: str) -> str:
    """The schema as JSON, refusing what it does not name: a model's invented argument must not pass for lack of a word.

    Raises `UserError` for what is no JSON schema, and for references that lead nowhere.
    """
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise UserError(f"this is no JSON schema: {error.message}", where=where, cure=f"see {_DRAFT}") from error
    _follow_references(schema, where)
    parts = set(_parts_by_reference(schema))
    return orjson.dumps(_closed(schema, parts), option=orjson.OPT_SORT_KEYS).decode()


def fault_of(schema: str, value: Any) -> str | None:
    """Where a value departs from a JSON schema, and how: the deepest such place."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(schema).iter_errors(value))
    if error is None:
        return None
    place = ".".join(map(str, error.absolute_path))
    return f"{place}: {error.message}" if place else str(error.message)


def moved(schema: str, place: str) -> Any:
    """The schema as a part of another that engines hold answers to, where it stands at this JSON pointer.

    What it refers to within itself stands there too. Rules that no engine holds to are left out.
    """

    def inner(value: Any, *, has_names: bool = False) -> Any:
        if isinstance(value, list):
            return [inner(entry) for entry in value]
        if not isinstance(value, Mapping):
            return value
        if has_names:
            return {name: inner(entry) for name, entry in value.items()}
        kept = {key: entry for key, entry in value.items() if key not in _UNHELD}
        return {
            key: _moved_reference(entry, place) if key == "$ref" else inner(entry, has_names=key in _MAPS) for key, entry in kept.items()
        }

    return inner(orjson.loads(schema))


def _moved_reference(reference: Any, place: str) -> Any:
    is_pointer = isinstance(reference, str) and (reference == "#" or reference.startswith("#/"))
    return f"#{place}{reference[1:]}" if is_pointer else reference


@functools.lru_cache(maxsize=4096)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema_specifications import REGISTRY

    return Draft202012Validator(orjson.loads(schema), registry=REGISTRY)  # a registry that fetches nothing


def _schemas_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """All objects of a schema, itself among them."""
    if isinstance(value, Mapping):
        yield value
    for entry in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _schemas_in(entry)


def _follow_references(schema: Any, where: str) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for part in _schemas_in(schema):
        followed: set[str] = set()
        target: Any = part
        while isinstance(target, Mapping) and isinstance(reference := target.get("$ref", target.get("$dynamicRef")), str):
            if not reference.startswith("#"):
                raise UserError(f"the schema refers to {reference}, outside of the file", where=where, cure="write it out in its place")
            if reference in followed:
                raise UserError(f"`{reference}` refers to itself", where=where, cure="write out what is meant")
            followed.add(reference)
            try:
                target = resolver.lookup(reference).contents
            except Unresolvable as error:
                raise UserError(f"the schema has no `{reference}`", where=where, cure="add it under `$defs`, or correct it") from error


def _parts_of(schema: Mapping[str, Any]) -> list[Any]:
    """The schemas that name some properties of an object, where others name the rest: alone they must not refuse the others'."""
    alternatives = [part for key in _ALTERNATIVES for part in schema.get(key, ())]
    others = [*schema.get("allOf", ()), *(schema[key] for key in ("$ref", "then", "else") if key in schema)]
    others += schema.get("dependentSchemas", {}).values()
    is_shared = "properties" in schema or len(others) > 1 or (others and alternatives)
    return [*others, *alternatives] if is_shared else []


def _parts_by_reference(schema: Any) -> Iterator[str]:
    """What is referred to as a part."""
    for whole in _schemas_in(schema):
        for part in _parts_of(whole):
            reference = part if isinstance(part, str) else part.get("$ref") if isinstance(part, Mapping) else None
            if isinstance(reference, str):
                yield reference


def _closed(schema: Any, open_references: set[str], place: str = "#", *, is_part: bool = False) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    closed, is_part = dict(schema), is_part or place in open_references
    shared = bool(_parts_of(schema))

    def inner(value: Any, *keys: str | int, is_part: bool = False) -> Any:
        return _closed(value, open_references, "/".join(map(str, (place, *keys))), is_part=is_part)

    for key in _VALUES:
        if key in closed:
            closed[key] = inner(closed[key], key)
    for key in ("then", "else"):  # `if` and `not` stay as they are: they are asked about, and refuse nothing by themselves
        if key in closed:
            closed[key] = inner(closed[key], key, is_part=is_part or shared)
    for key in ("allOf", *_ALTERNATIVES, "prefixItems"):
        if key in closed:
            parts = is_part or shared if key != "prefixItems" else False
            closed[key] = [inner(part, key, number, is_part=parts) for number, part in enumerate(closed[key])]
    for key in (*_MAPS, "dependentSchemas"):
        if key in closed:
            parts = key == "dependentSchemas"
            closed[key] = {name: inner(part, key, name, is_part=parts) for name, part in closed[key].items()}
    refers_to_part = closed.get("$ref") in open_references
    if not is_part and (shared or refers_to_part or "properties" in closed) and not any(key in closed for key in _SAYS_OF_OTHERS):
        closed["unevaluatedProperties" if shared or refers_to_part else "additionalProperties"] = False
    return closed
