"""Data from users as typed sections, or an error that names the line and the key that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from rephrase.errors import UserError
from rephrase.settings.section import Section
from rephrase.settings.yaml_text import Place, shortened

_UNKNOWN_KEY = "extra_forbidden"  # pydantic's name
_USER_ERROR = "user_error"
_MOST_SHOWN = 1000  # characters of a message, which may hold a name of the user's
_SCALARS = (str, int, float, bool, date)
_KEYS = "`rephrase config` lists the keys"


def validate(
    section: type[Any],
    data: Any,
    where: str,
    places: Mapping[Place, str] | None = None,
    cure: str = "",
    base: Path | None = None,
) -> Any:
    """`data` as an object of the given section class, or a `UserError` about the first thing that is wrong with it.

    `places` says where the parts of `data` stand, `where` is for all others. `cure` is for values that are wrong; `{section}` in it
    stands for the first of their keys. Relative paths are seen from the folder `base`.
    """
    try:
        try:
            return section.model_validate(data, context={"base": base})
        except ValidationError as failure:
            raise _user_error(section, failure, data, where, places or {}, cure) from None
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


def fault(what: str, cure: str, place: Place = (), value: Any = None) -> ValidationError:
    """An error that a validator raises about what stands at `place` below it, told as it is and with its own cure."""
    kind = PydanticCustomError(_USER_ERROR, "{message}", {"message": what, "cure": cure})
    return ValidationError.from_exception_data("config", [{"type": kind, "loc": place, "input": value}])


def nearest(name: object, known: Iterable[str], several: str = "there are") -> str:
    """The cure for a name that is not known: the one that was meant, or all that there are."""
    names = list(known)
    near = difflib.get_close_matches(shortened(str(name)), names, n=1, cutoff=0.5)
    return f"did you mean `{near[0]}`?" if near else f"{several}: {', '.join(names)}"


def _nearest(key: object, known: Iterable[str]) -> str:
    keys = list(known)
    return nearest(key, keys, "known keys here") if keys else "it has no settings"


def _user_error(section: type[Any], failure: ValidationError, data: Any, where: str, places: Mapping[Place, str], cure: str) -> UserError:
    # An unknown key is the likeliest cause of the errors beside it (a misspelt required key is also "missing").
    error = min(failure.errors(include_url=False), key=lambda error: error["type"] != _UNKNOWN_KEY)
    location = _location(error, data)
    spot = next((places[location[:n]] for n in range(len(location), 0, -1) if location[:n] in places), where)
    key = ".".join(map(str, location))
    own: str = error.get("ctx", {}).get("cure", "")
    message = shortened(error["msg"].removeprefix("Value error, "), _MOST_SHOWN)
    if error["type"] == _USER_ERROR:
        return UserError(message, where=spot, cure=own)
    if error["type"] == _UNKNOWN_KEY:
        return UserError(
            f"unknown key `{shortened(key)}`", where=spot, cure=own or _nearest(location[-1], _keys_at(section, error["loc"][:-1]))
        )
    if error["type"] == "missing":
        told = own or cure.replace("{section}", key.split(".")[0]) or _KEYS
        return UserError(f"the key `{key}` is missing", where=spot, cure=f"add it; {told}")
    value = error.get("input")
    instead = (
        f", not {shortened(str(value) if isinstance(value, date) else repr(value))}"
        if isinstance(value, _SCALARS) and not error.get("ctx", {}).get("hidden")
        else ""
    )
    what = f"`{key}`: {message}{instead}" if key else message
    return UserError(what, where=spot, cure=own or cure.replace("{section}", key.split(".")[0]))


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
