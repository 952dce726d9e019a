"""A document and its translation in one text."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from rephrase.recipes.prompts import fill
from rephrase.records import Document, content_id
from rephrase.text.blocks import has_blank_lines, paragraphs_of
from rephrase.text.languages import english_name


def laid_out(document: Document, translation: str, to: str, layouts: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """The text, and the name of its layout. Layout and order are drawn; one that names the languages wants both to be known."""
    names = (english_name(document.language or ""), english_name(to))
    both = [document.text.strip(), translation]
    by_lines = not has_blank_lines(document.text)
    paragraphs = [paragraphs_of(text, by_lines=by_lines) for text in both]
    draw = random.Random(content_id(document.id, "layout"))  # not a secret
    usable = [name for name in sorted(layouts) if all(names) or "_language}" not in "".join(layouts[name].values())]
    if len(paragraphs[0]) != len(paragraphs[1]):  # a fence that a translation leaves open
        usable = [name for name in usable if "whole" in layouts[name]]
    chosen = draw.choice(usable)
    turned = draw.random() < 0.5  # either order as often
    layout = layouts[chosen]
    if "whole" in layout:
        return _filled(layout["whole"], both, names, turned=turned), chosen
    pairs = zip(*paragraphs, strict=True)
    return "\n\n".join(_filled(layout["pair"], pair, names, turned=turned) for pair in pairs), chosen


def _filled(template: str, both: Sequence[str], names: tuple[str | None, str | None], *, turned: bool) -> str:
    first, second = (1, 0) if turned else (0, 1)
    values = {"one": both[first], "other": both[second], "one_language": names[first] or "", "other_language": names[second] or ""}
    return fill(template, values)
