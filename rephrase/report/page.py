"""One HTML file from a template: styles and scripts within it, and a policy that lets nothing else run or load."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from rephrase.live.config_name import as_given


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a section: a sentence, charts with what they are called, a table, and notes below. What is empty is left out."""

    title: str = ""
    says: str = ""
    charts: Sequence[tuple[str, Markup]] = ()
    columns: Sequence[str] = ()
    """Names; that of a column of numbers begins with #."""
    rows: Sequence[Sequence[str]] = ()
    total: Sequence[str] | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page."""

    name: str
    """Its anchor."""
    short: str
    title: str
    parts: Sequence[Part] = field(default_factory=list)


def page(template: str, scripts: Sequence[str], **content: Any) -> str:
    """An HTML file. `template` and `scripts` are files of `templates/`; all content is escaped but what is `Markup`."""
    environment = Environment(
        loader=PackageLoader("rephrase.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["words"] = _words
    style, code = _file("page.css"), "".join(map(_file, scripts))
    return environment.get_template(template).render(
        style=Markup(style),  # noqa: S704  # a file of ours
        script=Markup(code),  # noqa: S704  # the same
        style_hash=_hash(style),
        script_hash=_hash(code),
        **content,
    )


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")


def _hash(text: str) -> str:
    """What the policy names a style or a script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _words(text: str) -> Markup:
    """A sentence, with what stands in backticks as code, and commands as the user can copy them."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(as_given(text)))))  # noqa: S704  # escaped first
