"""Data from users as typed sections, or an error that names the line and the key that was meant."""

from __future__ import annotations

import difflib
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from rephrase.errors import UserError
from rephrase.settings.section import Section


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML, or say which line is wrong."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{where}, line {mark.line + 1}" if mark else where
        raise UserError(f"not valid YAML: {getattr(error, 'problem', error)}", where=line, cure="mend the line") from error


def validate(section: type[Any], data: Any, where: str, lines: dict[tuple[Any, ...], int] | None = None, cure: str = "") -> Any:
    """`data` as an object of the given section class, or a `UserError` about the first thing that is wrong with it.

    `cure` is for values that are wrong; `{section}` in it stands for the first of their keys.
    """
    try:
        return section.model_validate(data)
    except ValidationError as failure:
        raise _user_error(section, failure, where, lines or {}, cure) from None


def _user_error(section: type[Section], failure: ValidationError, where: str, lines: dict[tuple[Any, ...], int], cure: str) -> UserError:
    # An unknown key is the likeliest cause of the errors beside it (a misspelt required key is also "missing").
    errors = sorted(failure.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    error = errors[0]
    location = tuple(part for part in error["loc"] if part not in ("replay", "vllm", "endpoint", "echo"))
    place = next((lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), None)
    spot = f"{where}, line {place}" if place else where
    key = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        known = _keys_at(section, error["loc"][:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        right = f"did you mean `{near[0]}`?" if near else f"known keys here: {', '.join(known)}"
        return UserError(f"unknown key `{key}`", where=spot, cure=right)
    if error["type"] == "missing":
        return UserError(f"the key `{key}` is missing", where=spot, cure="add it; `rephrase config` lists the keys")
    if error["type"].startswith("union_tag"):
        return UserError(f"`{key}.kind` says which engine to use", where=spot, cure="one of: vllm, endpoint, replay, echo")
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    shown = f", not {value!r}" if isinstance(value, str | int | float | bool) else ""
    return UserError(f"`{key}`: {message}{shown}" if key else message, where=spot, cure=cure.replace("{section}", key.split(".")[0]))


def _keys_at(section: type[Section], location: tuple[Any, ...]) -> list[str]:
    current: Any = section
    for part in location:
        if isinstance(part, int):
            continue
        if get_origin(current) is dict:  # the part is one of its keys
            current = get_args(current)[1]
            continue
        variants = sections_of(current)
        tagged = [v for v in variants if "kind" in v.model_fields and part in get_args(v.model_fields["kind"].annotation)]
        if tagged:
            current = tagged[0]
            continue
        holder = next((v for v in variants if part in v.model_fields), None)
        if holder is None:
            return []
        current = holder.model_fields[part].annotation
    return sorted({name for v in sections_of(current) for name in v.model_fields})


def sections_of(annotation: Any) -> list[type[Section]]:
    """The sections that a type names: one, several kinds of one, or those in a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]  # type: ignore[list-item]  # all models here are Sections
    return [section for arg in get_args(annotation) for section in sections_of(arg)]


def yaml_lines(text: str) -> dict[tuple[Any, ...], int]:
    """The line (from 1) of each key and list item of a YAML text, by its path."""
    lines: dict[tuple[Any, ...], int] = {}

    def visit(node: yaml.Node | None, path: tuple[Any, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                lines[(*path, key.value)] = key.start_mark.line + 1
                visit(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[(*path, index)] = value.start_mark.line + 1
                visit(value, (*path, index))

    visit(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return lines
