"""Changes to a run.yaml that leave all its other lines, and its comments, as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from operator import getitem

import orjson
import yaml


def write_args(path: str, args: Sequence[str], engine: str | None = None) -> bool:
    """Set `engine.args` of a run.yaml, or the `args` of one of its `engines`, and leave all its other lines as they are.

    False where that cannot be done line by line.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    keys = ["engine"] if engine is None else ["engines", engine]
    entry = f"args: {orjson.dumps(list(args)).decode()}"
    start, end = 0, len(text)
    for key in keys[:-1]:
        outer = _block(text, key, start, end)
        if outer is None:
            return False
        start, end = outer.span(2)
    block, flow = _block(text, keys[-1], start, end), _flow(text, keys[-1], start, end)
    if flow and "args" not in flow.group(2):
        changed = text[: flow.end(2)] + f", {entry}" + text[flow.end(2) :]
    elif block:
        body = block.group(2)
        indent = re.match(r"[ \t]+", body)
        width = indent.group(0) if indent else f"{block.group(1)}  "
        old = re.search(rf"^{width}args:.*\n(?:{width}[ \t]+.*\n|{width}- .*\n)*", body, flags=re.MULTILINE)
        new = f"{width}{entry}\n"
        body = body[: old.start()] + new + body[old.end() :] if old else new + body
        changed = text[: block.start(2)] + body + text[block.end(2) :]
    else:
        return False
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    reduce(getitem, keys, before)["args"] = list(args)
    if after != before:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(changed)
    return True


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
