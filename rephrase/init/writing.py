"""A goal's template filled, and checked as the config that it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from rephrase.config.file import run_of_text
from rephrase.errors import UserError
from rephrase.settings.yaml_text import parse_yaml

_PLACEHOLDER = re.compile(r"\$([a-z_]+)")
_BARE = re.compile(r"[\w./][\w./*@+-]*(?:://[\w./*@+-]+)?")  # what needs no quotation marks, unless YAML takes it for something else


def filled(template: str, values: Mapping[str, Any], path: str) -> str:
    """The text of a run.yaml at `path`: each `$name` as its value. A line with one that is None is left out.

    In comments, values stand as they are; elsewhere as JSON, which YAML reads. Raises `UserError` where no run can be made of it.
    """
    lines = [_filled(line, values) for line in template.splitlines()]
    text = "".join(f"{line}\n" for line in lines if line is not None)
    run_of_text(text, path)
    return text


def _filled(line: str, values: Mapping[str, Any]) -> str | None:
    names = _PLACEHOLDER.findall(line)
    if any(values[name] is None for name in names):
        return None
    code, mark, comment = (line, "", "") if " #" not in line else _parted(line)
    if line.lstrip().startswith("#"):
        return _PLACEHOLDER.sub(lambda match: _plain(values[match[1]]), line)
    new = _PLACEHOLDER.sub(lambda match: _yaml(values[match[1]]), code)
    return new if not mark else f"{new.rstrip():<{len(code) - 2}}  # {comment}"


def _parted(line: str) -> tuple[str, str, str]:
    """A line's code with the blank before its comment, the mark and the comment."""
    code, mark, comment = line.partition(" # ")
    return code + " ", mark, comment


def _yaml(value: Any) -> str:
    """A value on one line. Names and paths as they are, if YAML reads them so."""
    if isinstance(value, str) and _BARE.fullmatch(value) and _is_read_as_text(value):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _is_read_as_text(value: str) -> bool:
    try:
        return bool(parse_yaml(value, "run.yaml") == value)
    except UserError:  # a number of more bits than there are
        return False


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _yaml(value)


def relative_to(folder: str, path: str) -> str:
    """A path as a config in `folder` names it: relative where it lies there or below; URLs and other paths as they are."""
    if "://" in path or not os.path.isabs(path):
        return path
    below = os.path.relpath(path, folder)
    if below.startswith(".."):
        return path
    return f"./{below}" if below == "." or below.startswith("~") else below  # `~/` alone would be the home folder
