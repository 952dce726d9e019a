"""Parsers of prose: the completion, or a part of it, is the training text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from rephrase.recipes.base import Parsed
from rephrase.recipes.edits import apply_edits
from rephrase.recipes.parsing.common import Context, Parser, at_least, own_text, without_fence, without_markdown
from rephrase.settings.section import Section
from rephrase.text.labels import Labels
from rephrase.text.lead_in import without_epilogue, without_lead_in
from rephrase.text.lists import BULLET, without_bullet
from rephrase.text.sentences import sentence_spans

_COLONS = (":", "：")
_LEAST_UNMARKED = 2  # statements without bullets: one may be a refusal


class ParaphraseSettings(Section):
    """Settings of the parser `paraphrase`."""

    min_tokens: int = 0
    markdown: bool = True
    """Leave Markdown in."""
    flagged: list[str] = []
    """What a text says of itself where a lead-in is left: with one of these, which the passage does not have, it is dropped."""


def paraphrase(settings: ParaphraseSettings) -> Parser:
    """Prose. A lead-in such as "Here is a paraphrase:" is cut off, as WRAP does (section 3.1 of arXiv 2401.16380)."""
    phrases = [phrase.casefold() for phrase in settings.flagged]

    def parse(completion: str, context: Context) -> Parsed:
        source = str(context.values.get("passage", ""))
        text = own_text(completion, source)
        folded = text.casefold()
        if any(phrase in folded and phrase not in source.casefold() for phrase in phrases):
            return Parsed(error="rejected:flagged")
        return at_least(text if settings.markdown else without_markdown(text), settings.min_tokens, context)

    return parse


class MarkedSettings(Section):
    """Settings of the parser `marked`."""

    marker: str
    min_tokens: int = 0
    strip_lines: list[str] = []
    """Lines that begin with one of these words are left out."""


def marked(settings: MarkedSettings) -> Parser:
    """Text after a marker that the completion must begin with; Markdown and quotes around the whole are stripped.

    A completion without it is the error `parse:no_marker`, as in Nemotron-CC's code (arXiv 2412.02595).
    """
    labels = Labels([settings.marker.rstrip(" :")])

    def parse(completion: str, context: Context) -> Parsed:
        first, _, rest = completion.strip().partition("\n")
        label = labels.read(first)
        text = without_markdown(f"{label.rest}\n{rest}" if label else completion)
        if not label:
            if not text.casefold().startswith(settings.marker.casefold()):
                return Parsed(error="parse:no_marker" if text else "parse:empty")
            text = text[len(settings.marker) :].strip()
        text = without_epilogue(text, str(context.values.get("passage", "")))
        if len(text) > 1 and text[0] in "\"“'" and text[-1] in "\"”'":
            text = text[1:-1].strip()
        return at_least(_without_lines(text, settings.strip_lines), settings.min_tokens, context)

    return parse


class PlainSettings(Section):
    """Settings of the parser `plain`."""

    min_tokens: int = 0
    strip_lines: list[str] = []


def plain(settings: PlainSettings) -> Parser:
    """Text without Markdown, and without lines that begin with one of `strip_lines`."""

    def parse(completion: str, context: Context) -> Parsed:
        text = without_epilogue(without_markdown(completion), str(context.values.get("passage", "")))
        return at_least(_without_lines(text, settings.strip_lines), settings.min_tokens, context)

    return parse


def _without_lines(text: str, starts: list[str]) -> str:
    lowered = tuple(start.casefold() for start in starts)
    lines = [line for line in text.splitlines() if not (lowered and line.strip().casefold().startswith(lowered))]
    return "\n".join(lines).strip()


class BulletsSettings(Section):
    """Settings of the parser `bullets`."""

    min_tokens: int = 0
    numbered: bool = False
    """Write each line with its number before it, so that a later step can name it."""


def bullets(settings: BulletsSettings) -> Parser:
    """A list of statements, one a line without its bullet. A first line that is no bullet is dropped (Nemotron-CC's knowledge list).

    Where no line at all has a bullet, a list that is to be numbered has a statement for each line, or for each sentence of a single line;
    one sentence alone is no list.
    """

    def parse(completion: str, context: Context) -> Parsed:
        source = str(context.values.get("passage", ""))
        text = without_epilogue(without_markdown(completion), source)
        lines = [line for line in text.splitlines() if line.strip()]
        if settings.numbered and not any(map(BULLET.match, lines)):
            lines = _unmarked(without_lead_in(text, source), context.language)
        elif lines and not BULLET.match(lines[0]):
            lines = lines[1:]
        return statements_of([without_bullet(line).strip() for line in lines], settings, context)

    return parse


def statements_of(statements: Sequence[str], settings: BulletsSettings, context: Context) -> Parsed:
    """Statements as the text of a list, a line each."""
    if settings.numbered:
        statements = [f"{number}. {statement}" for number, statement in enumerate(filter(None, statements), 1)]
    return at_least("\n".join(statements), settings.min_tokens, context)


def _unmarked(text: str, language: str | None) -> list[str]:
    """The lines of a list without bullets, or the sentences of its only line; each that comes again once."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1:
        lines = [text[start:end].strip() for start, end in sentence_spans(text, language)]
    elif lines and lines[0].endswith(_COLONS):
        lines = lines[1:]
    return list(dict.fromkeys(lines)) if len(lines) >= _LEAST_UNMARKED else []


class TagSettings(Section):
    """Settings of the parser `tag`."""

    name: str
    min_tokens: int = 0


def tag(settings: TagSettings) -> Parser:
    """What stands between `<name>` and `</name>`; reasoning before it is left out. Of several the last counts."""
    pattern = re.compile(rf"<(/?)[ \t]?{re.escape(settings.name)}(?:[ \t][^<>\n]{{0,200}})?>", re.IGNORECASE)

    def parse(completion: str, context: Context) -> Parsed:
        content, start = None, None
        for mark in pattern.finditer(completion):
            if not mark[1]:
                start = mark.end() if start is None else start
            elif start is not None:
                content, start = completion[start : mark.start()], None
        return Parsed(error="parse:no_tag") if content is None else at_least(content.strip(), settings.min_tokens, context)

    return parse


class EditsSettings(Section):
    """Settings of the parser `edits`."""

    max_removed: float = Field(default=0.5, ge=0, le=1)
    operations: list[Literal["drop_doc", "keep_doc", "keep_chunk", "remove_lines", "normalize"]] = [
        "drop_doc",
        "keep_doc",
        "keep_chunk",
        "remove_lines",
        "normalize",
    ]


def edits(settings: EditsSettings) -> Parser:
    """A program of edits on the passage's numbered lines, applied to the passage: see `rephrase.recipes.edits`."""

    def parse(completion: str, context: Context) -> Parsed:
        program = without_fence(completion, in_prose=True)
        return apply_edits(program, str(context.values["passage"]), settings.max_removed, settings.operations)

    return parse
