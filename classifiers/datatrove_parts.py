"""Filters and formatters of datatrove (https://github.com/huggingface/datatrove) by the names of their classes."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from rephrase.errors import UserError

_PROBE = "The keeper of the lighthouse climbed the stairs each evening, lit the lamp, and wrote the weather into his book."
_MODULES = {"filter": ("datatrove.pipeline.filters", "BaseFilter"), "formatter": ("datatrove.pipeline.formatters", "BaseFormatter")}


def part_of_datatrove(kind: Literal["filter", "formatter"], name: str, arguments: Mapping[str, Any], where: str) -> Any:
    """An instance of a filter or formatter, made once a process: some load models.

    Raises `UserError` where datatrove or what the part needs is not installed, there is no such part, it takes no such arguments, or it
    fails on a plain text without metadata.
    """
    return _load(kind, name, orjson.dumps(dict(arguments), option=orjson.OPT_SORT_KEYS), where)


@functools.lru_cache(maxsize=32)
def _load(kind: str, name: str, arguments: bytes, where: str) -> Any:
    module, base = _MODULES[kind]
    try:
        from datatrove.data import Document

        members = vars(importlib.import_module(module))
    except ImportError as error:
        cure = "pip install '.[datatrove]' in the checkout of rephrase, on the driver and the executors"
        raise UserError(f"datatrove cannot be imported: {error}", where=where, cure=cure) from error
    classes = {key: value for key, value in members.items() if isinstance(value, type)}
    parts = {key: value for key, value in classes.items() if base in {ancestor.__name__ for ancestor in value.__mro__[1:]}}
    if name not in parts:
        near = difflib.get_close_matches(name, parts, n=3, cutoff=0.4)
        cure = f"did you mean {' or '.join(f'`{key}`' for key in near)}?" if near else f"{kind}s: {', '.join(parts)}"
        raise UserError(f"datatrove has no {kind} `{name}`", where=where, cure=cure)
    signature, options = inspect.signature(parts[name]), orjson.loads(arguments)
    cure = f"its arguments: {', '.join(map(str, signature.parameters.values()))}"
    try:
        signature.bind(**options)
    except TypeError as error:
        raise UserError(f"{name}: {error}", where=where, cure=cure) from error
    try:
        part = parts[name](**options)
        # What it lacks is told before any row is judged.
        part.filter(Document(text=_PROBE, id="probe", metadata={})) if kind == "filter" else part.format(_PROBE)
    except ImportError as error:
        raise UserError(f"{name}: {error}", where=where, cure="install it on the driver and the executors") from error
    except Exception as error:
        cure += f"; the {kind} must be able to take a text without metadata"
        raise UserError(f"{name} fails: {type(error).__name__}: {error}", where=where, cure=cure) from error
    return part
