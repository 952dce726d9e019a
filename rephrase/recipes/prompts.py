"""Prompt templates: plain text with `{names}`; whatever else stands in braces is text."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from rephrase.errors import UserError
from rephrase.settings.nearest import nearest


@functools.cache
def flow_prompts(name: str) -> dict[str, Any]:
    """The prompts of a recipe that is a flow of its own: the YAML file of that name."""
    prompts: dict[str, Any] = yaml.safe_load(flow_file(name))
    return prompts


def flow_file(name: str) -> str:
    """The text of that file."""
    return files("rephrase.recipes").joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def head_of(text: str) -> str:
    r"""What the comment at the head of a YAML file says: its paragraphs and points, a line each.

    >>> head_of("# Two facts\n# and more:\n#  - one\nname: x")
    'Two facts and more:\n- one'
    """
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        content = line.removeprefix("#").strip()
        if content.startswith("- ") or not content or not lines or not lines[-1]:
            lines.append(content)
        else:
            lines[-1] += f" {content}"
    return "\n".join(lines).strip()


_NAME = re.compile(r"\{([a-z_]+)\}")
_ODD_NAME = re.compile(r"\{(\w+)\}")


def names_in(template: str) -> list[str]:
    """The names that a template fills."""
    return _NAME.findall(template)


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each `{name}` replaced in one pass, so that names inside the values stay as they are."""
    return _NAME.sub(lambda match: values[match.group(1)], template)


def check(template: str, known: set[str], required: set[str], where: str) -> None:
    """Raise `UserError` if the template uses a name that is not known, or lacks one that is required."""
    used = set(_NAME.findall(template))
    if unknown := sorted(used - known):
        raise UserError(
            f"the prompt uses `{{{unknown[0]}}}`, which nothing fills",
            where=where,
            cure=nearest(unknown[0], sorted(known), "names that are filled"),
        )
    if odd := next((name for name in _ODD_NAME.findall(template) if name in known and name not in used), None):
        cure = "name it in small letters and underscores, without digits"
        raise UserError(f"`{{{odd}}}` would stay in the prompt as it is", where=where, cure=cure)
    if missing := sorted(required - used):
        raise UserError(f"the prompt never uses `{{{missing[0]}}}`", where=where, cure="put it where the text should stand")
