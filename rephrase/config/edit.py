"""Changes to a run.yaml that leave all its other lines, and its comments, as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

import orjson
import yaml


def write_engine(path: str, settings: Mapping[str, Any], engine: str | None = None) -> bool:
    """Set keys of the `engine` of a run.yaml, or of one of its `engines`, and leave all its other lines as they are.

    False, with nothing written, where that cannot be done line by line.
    """
    with open(path, encoding="utf-8") as file:
        before = file.read()
    place = ["engine"] if engine is None else ["engines", engine]
    text: str | None = before
    entries = {key: f"{key}: {orjson.dumps(value).decode()}" for key, value in settings.items()}
    for key, entry in sorted(entries.items(), key=lambda item: "{" in item[1]):  # behind braces, nothing is put in between braces
        text = None if text is None else _with_entry(text, place, key, entry)
    if text is None:
        return False
    expected = yaml.safe_load(before)
    reduce(getitem, place, expected).update(settings)
    if yaml.safe_load(text) != expected:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _with_entry(text: str, place: Sequence[str], key: str, entry: str) -> str | None:
    """The text with an entry for a key of the section at `place`; None where it cannot be put there."""
    start, end = 0, len(text)
    for name in place[:-1]:
        outer = _block(text, name, start, end)
        if outer is None:
            return None
        start, end = outer.span(2)
    block, flow = _block(text, place[-1], start, end), _flow(text, place[-1], start, end)
    if flow and key not in flow.group(2):
        return text[: flow.end(2)] + f", {entry}" + text[flow.end(2) :]
    if not block:
        return None
    body = block.group(2)
    indent = re.match(r"[ \t]+", body)
    width = indent.group(0) if indent else f"{block.group(1)}  "
    old = re.search(rf"^{width}{key}:.*\n(?:{width}[ \t]+.*\n|{width}- .*\n)*", body, flags=re.MULTILINE)
    new = f"{width}{entry}\n"
    body = body[: old.start()] + new + body[old.end() :] if old else new + body
    return text[: block.start(2)] + body + text[block.end(2) :]


def _block(text: str, key: str, start: int, end: int) -> re.Match[str] | None:
    """A key whose section stands in lines of their own below it: its indent, and those lines. Top keys alone have no indent."""
    indent = r"([ \t]+)" if start else "()"
    lines = r"((?:\1[ \t]+.*\n|[ \t]*\n|[ \t]*#.*\n)+)"
    pattern = re.compile(rf"^{indent}{re.escape(key)}:[ \t]*(?:#.*)?\n{lines}", flags=re.MULTILINE)
    return pattern.search(text, start, end)


def _flow(text: str, key: str, start: int, end: int) -> re.Match[str] | None:
    """A key whose section stands behind it in braces: its indent, and what is in them."""
    indent = r"([ \t]+)" if start else "()"
    pattern = re.compile(rf"^{indent}{re.escape(key)}:[ \t]*\{{([^{{}}\n]*)\}}", flags=re.MULTILINE)
    return pattern.search(text, start, end)
