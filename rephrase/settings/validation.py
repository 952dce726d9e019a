"""Data from users as typed sections, or an error that names the line and the key that was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from rephrase.errors import UserError
from rephrase.settings.faults import USER_ERROR
from rephrase.settings.lines import Lines
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section
from rephrase.settings.wording import cure_for, sentence
from rephrase.settings.yaml_text import Place, shortened

_UNKNOWN_KEY = "extra_forbidden"  # pydantic's name
_KEYS = "`rephrase config` lists the keys"


def validate(
    section: type[Any],
    data: Any,
    where: str,
    places: Mapping[Place, str] | None = None,
    cure: str = "",
    base: Path | None = None,
    *,
    place: Place = (),
) -> Any:
    """`data` as an object of the given section class, or a `UserError` about the first thing that is wrong with it.

    `places` says where the parts of a file stand, `place` where `data` does among them, and `where` is for all others. `cure` is for values
    that are wrong; `{section}` in it stands for the first of their keys. Relative paths are seen from the folder `base`.
    """
    try:
        try:
            return section.model_validate(data, context={"base": base})
        except ValidationError as failure:
            raise _user_error(section, failure, data, Lines(where, places or {}), place, cure) from None
    except UserError:
        raise
    except Exception as error:  # the values are foreign, and so may be the kind that they name: of a plugin
        what = f"this cannot be taken as settings: {type(error).__name__}: {shortened(str(error))}"
        raise UserError(what, where=where, cure=_KEYS) from error


def nested(failure: ValidationError, section: type[BaseModel], place: Place = (), cure: str = "") -> ValidationError:
    """The errors of a section that a validator has chosen itself, to be raised by it: below `place`, each with its cure.

    Values of keys that the section names as `secret` are not shown.

    `cure` is for wrong values; for unknown keys it is the nearest one of the section.
    """
    details: list[InitErrorDetails] = []
    for error in failure.errors(include_url=False):
        hidden = error["loc"] and error["loc"][0] in {"api_key_env", *getattr(section, "secret", ())}
        context: dict[str, Any] = {"message": error["msg"], "cure": cure, "hidden": bool(hidden), **error.get("ctx", {})}
        if error["type"] == _UNKNOWN_KEY:
            context["cure"] = error.get("ctx", {}).get("cure") or _nearest(error["loc"][-1], _keys_at(section, error["loc"][:-1]))
        kind = PydanticCustomError(error["type"], "{message}", context)
        details.append({"type": kind, "loc": (*place, *error["loc"]), "input": error["input"]})
    return ValidationError.from_exception_data(section.__name__, details)


def _nearest(key: object, known: Sequence[str]) -> str:
    return nearest(key, known, "known keys here") if known else "it has no settings"


def _user_error(section: type[Any], failure: ValidationError, data: Any, lines: Lines, place: Place, cure: str) -> UserError:
    errors = failure.errors()
    # An unknown key is the likeliest cause of the errors beside it (a misspelt required key is also "missing").
    first = min(errors, key=lambda error: error["type"] != _UNKNOWN_KEY)
    location = _location(first, data)
    if first["type"] != _UNKNOWN_KEY:  # of a union's types the one is meant of which most is there
        below = [error for error in errors if _location(error, data)[: len(location)] == location]
        location = max((_location(error, data) for error in below), key=len)
        errors = [error for error in below if _location(error, data) == location]
        first = errors[0]
    where, key = lines.of(*place, *location), ".".join(map(str, (*place, *location)))
    own: str = first.get("ctx", {}).get("cure", "")
    general = cure.replace("{section}", key.split(".")[0])
    if first["type"] == USER_ERROR:
        what = first["msg"] if not key or f"`{key}`" in first["msg"] else f"`{shortened(key)}`: {first['msg']}"
        return UserError(shortened(what, 1000), where=where, cure=own)
    if first["type"] == _UNKNOWN_KEY:
        own = own or _nearest(location[-1], _keys_at(section, first["loc"][:-1]))
        return UserError(f"unknown key `{shortened(key)}`", where=where, cure=own)
    if first["type"] == "missing":
        return UserError(f"the key `{key}` is missing", where=where, cure=f"add it; {own or general or _KEYS}")
    hidden = bool(first.get("ctx", {}).get("hidden"))
    return UserError(sentence(key, errors, hidden=hidden), where=where, cure=cure_for(errors) or own or general)


def _location(error: ErrorDetails, data: Any) -> Place:
    """Where the error stands in the data: without what pydantic puts between, such as the members of a union."""
    kept: list[str | int] = []
    for number, part in enumerate(error["loc"]):
        here = isinstance(data, dict) or (isinstance(data, list) and isinstance(part, int))
        if here and (part in data if isinstance(data, dict) else part < len(data)):  # type: ignore[operator]  # a number, in a list
            data = data[part]
            kept.append(part)
        elif error["type"] == "missing":
            return (*kept, *error["loc"][number:])
    return tuple(kept)


def _keys_at(section: type[Any], location: Place) -> list[str]:
    current: Any = section
    for part in location:
        if isinstance(part, int):
            continue
        mappings = [option for option in (current, *get_args(current)) if get_origin(option) is dict]
        if mappings:  # the part is one of its keys
            current = get_args(mappings[0])[1]
            continue
        holder = next((inner for inner in sections_of(current) if part in inner.model_fields), None)
        if holder is not None:
            current = holder.model_fields[part].annotation
    return sorted({name for inner in sections_of(current) for name in inner.model_fields})


def sections_of(annotation: Any) -> list[type[Section]]:
    """The sections that a type names: one, or those in a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]  # type: ignore[list-item]  # all models here are Sections
    return [section for argument in get_args(annotation) for section in sections_of(argument)]
