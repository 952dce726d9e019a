"""What pydantic finds wrong with a value, in the words of people who write YAML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rephrase.settings.nearest import nearest
from rephrase.settings.yaml_text import shortened

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MOST_SHOWN = 1000  # characters of a message, which may hold a name of the user's
_SHOULD_BE = re.compile(r"Input should be (?:a valid |an? )?")
_CHOICE = re.compile(r"'([^']*)'")
_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9]*)?")
_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_BOOLEANS = (("off", "no", "false"), ("on", "yes", "true"))  # as YAML 1.1 spells the two
_NOUNS = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "finite_number": "a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "text",
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "keys with values"),
    "none_required": "null",
    "string_pattern_mismatch": "of the form {pattern}",
}
_SCALARS = {"a whole number", "a number", "true or false"}
_COUNTED = {"too_short": "at least {} item", "too_long": "at most {} item"}
_COUNTED |= {f"string_{name}": template.replace("item", "character") for name, template in _COUNTED.items()}


def sentence(key: str, errors: Sequence[ErrorDetails], *, hidden: bool = False) -> str:
    """What is wrong with a value, by all that pydantic says of this one place: a union has an error for each of its types.

    `hidden`: the value is not shown, as it may be a secret.
    """
    first, value = errors[0], errors[0]["input"]
    subject = f"`{key}`: " if key else ""
    if value is None:
        return f"the key `{key}` has no value" if key else "there is nothing in it"
    if first["type"] in _COUNTED:
        [count] = (first["ctx"][bound] for bound in ("min_length", "max_length") if bound in first["ctx"])
        told = f"should have {_COUNTED[first['type']].format(count)}{'' if count == 1 else 's'}"
    elif kinds := _kinds(errors):
        told = f"should be {', '.join(kinds[:-1])}{' or ' if kinds[1:] else ''}{kinds[-1]}"
    else:
        told = first["msg"].removeprefix("Value error, ")
        hidden = hidden or isinstance(value, dict | list | tuple)
    return shortened(subject + told + _instead(value, hidden=hidden), _MOST_SHOWN)


def cure_for(errors: Sequence[ErrorDetails]) -> str:
    """What to write instead, as far as the value itself tells; else empty."""
    value, kinds = errors[0]["input"], _kinds(errors)
    choices = [choice for error in errors if error["type"] in ("literal_error", "enum") for choice in _CHOICE.findall(error["msg"])]
    if value is None:
        return f"give it {' or '.join(kinds)}, or take the key out" if kinds else "give it one, or take the key out"
    if isinstance(value, str):
        return _for_text(value, kinds, choices, errors[0].get("ctx", {}).get("pattern", ""))
    if isinstance(value, bool) and (word := next((word for word in _BOOLEANS[value] if word in choices), None)):
        return f"put it into quotes: '{word}'"
    if isinstance(value, bool | int | float | date) and kinds == ["text"]:
        return "put it into quotes" + (", as YAML takes yes, no, on and off for it" if isinstance(value, bool) else "")
    return "put it into a list, behind a dash" if isinstance(value, dict) and kinds == ["a list"] else ""


def _for_text(value: str, kinds: Sequence[str], choices: Sequence[str], pattern: str) -> str:
    if choices and (near := nearest(value, choices)).startswith("did"):
        return near
    if pattern and re.search(pattern, fitting := _ODD.sub("_", value).strip("_")):
        return f"for example {fitting}"
    if kinds and _SCALARS.issuperset(kinds):
        return _as_number(value.strip())
    return f"write a list: [{value!r}]" if kinds == ["a list"] and value else ""


def _kinds(errors: Sequence[ErrorDetails]) -> list[str]:
    """What the value should be, of several kinds each once; those that pydantic tells otherwise are left out."""
    kinds = list(dict.fromkeys(filter(None, map(_noun, errors))))
    return [kind for kind in kinds if kind != "a whole number" or "a number" not in kinds]


def _noun(error: ErrorDetails) -> str:
    if template := _NOUNS.get(error["type"]):
        return template.format_map(error.get("ctx", {}))
    start = _SHOULD_BE.match(error["msg"])
    return error["msg"][start.end() :] if start else ""


def _instead(value: Any, *, hidden: bool) -> str:
    if isinstance(value, dict | list | tuple) and not hidden:
        kind = "keys with values" if isinstance(value, dict) else "a list"
        return f", not {kind}" if value else ", not empty"
    if isinstance(value, bool) and not hidden:
        return f", not {str(value).lower()}"
    is_shown = isinstance(value, str | int | float | date) and not hidden
    return f", not {shortened(str(value) if isinstance(value, date) else repr(value))}" if is_shown else ""


def _as_number(word: str) -> str:
    """What to write instead of a text that spells a number, or a boolean."""
    if any(word.lower() in words for words in _BOOLEANS) or _NUMBER.fullmatch(word):
        return f"write {word} without quotes"
    number, unit = word[:-1].strip(), word[-1:].lower()
    if not _NUMBER.fullmatch(number):
        return ""
    return f"write {float(number) / 100:g}" if unit == "%" else f"write {int(float(number) * _UNITS[unit]):_}" if unit in _UNITS else ""
