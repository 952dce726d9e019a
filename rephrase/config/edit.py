"""Changes to a run.yaml that leave all its other lines, and its comments, as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson
import yaml


def write_args(path: str, args: Sequence[str]) -> bool:
    """Set `engine.args` of a run.yaml and leave all its other lines as they are. False where that cannot be done line by line."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    entry = f"args: {orjson.dumps(list(args)).decode()}"
    block = re.search(r"^engine:[ \t]*(#.*)?\n((?:[ \t]+.*\n|[ \t]*\n|[ \t]*#.*\n)+)", text, flags=re.MULTILINE)
    flow = re.search(r"^engine:[ \t]*\{([^{}\n]*)\}", text, flags=re.MULTILINE)
    if flow and "args" not in flow.group(1):
        changed = text[: flow.end(1)] + f", {entry}" + text[flow.end(1) :]
    elif block:
        body = block.group(2)
        indent = re.match(r"[ \t]+", body)
        width = indent.group(0) if indent else "  "
        old = re.search(rf"^{width}args:.*\n(?:{width}[ \t]+.*\n|{width}- .*\n)*", body, flags=re.MULTILINE)
        new = f"{width}{entry}\n"
        body = body[: old.start()] + new + body[old.end() :] if old else new + body
        changed = text[: block.start(2)] + body + text[block.end(2) :]
    else:
        return False
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    before["engine"]["args"] = list(args)
    if after != before:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(changed)
    return True
