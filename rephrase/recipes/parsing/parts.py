"""Parsers of parts: what a completion says goes into fields, for later steps or for the text that a recipe composes."""

from __future__ import annotations

import json
import re
from typing import Any

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import BULLET, HEADING, Context, Parser, without_fence, without_markdown
from rephrase.settings.section import Section

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class ItemsSettings(Section):
    """Settings of the parser `items`."""

    min_items: int = 1
    max_items: int = 100
    min_words: int = 1


def items(settings: ItemsSettings) -> Parser:
    """A list that prepares a later step: the field `items` holds one text for each bullet, number or heading, without repeats."""

    def parse(completion: str, _: Context) -> Parsed:
        lines = HEADING.findall(completion) or [BULLET.sub("", line).strip() for line in completion.splitlines() if BULLET.match(line)]
        texts = dict.fromkeys(without_markdown(item).strip(" .:*") for item in lines)
        entries = [item for item in texts if len(item.split()) >= settings.min_words][: settings.max_items]
        return Parsed(fields={"items": entries}) if len(entries) >= settings.min_items else Parsed(error="parse:no_items")

    return parse


class ObjectsSettings(Section):
    """Settings of the parser `objects`."""

    fields: list[str]
    min_items: int = 1
    max_items: int = 100


def objects(settings: ObjectsSettings) -> Parser:
    """A JSON list of objects, each with these text fields: a later step has a prompt for each. Repeats count once."""

    def parse(completion: str, _: Context) -> Parsed:
        data = _json(completion, "[", "]")
        if not isinstance(data, list):
            return Parsed(error="parse:json")
        entries = []
        for entry in data:
            if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) and entry[name].strip() for name in settings.fields):
                return Parsed(error="parse:json")
            fields = {name: " ".join(entry[name].split()) for name in settings.fields}
            if fields not in entries:
                entries.append(fields)
        entries = entries[: settings.max_items]
        return Parsed(fields={"items": entries}) if len(entries) >= settings.min_items else Parsed(error="parse:no_items")

    return parse


def _json(completion: str, first: str, last: str) -> Any:
    text = without_fence(completion.strip())
    start, end = text.find(first), text.rfind(last)
    try:
        return json.loads(text[start : end + 1]) if 0 <= start < end else None
    except ValueError:
        return None


class SectionsSettings(Section):
    """Settings of the parser `sections`."""

    fields: list[str]
    """Names of the sections in order; each begins with its name and a colon."""
    optional: list[str] = []


def sections(settings: SectionsSettings) -> Parser:
    """Sections that begin with their names ("Question: …", "Answer: …"), each a field by its name in lower case.

    A section that is missing, empty or out of order is the error `parse:no_NAME`.
    """
    names = [*settings.fields, *settings.optional]
    labels = "|".join(re.escape(name.replace("_", " ")) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"^[ \t>*_#-]*({labels})[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)

    def parse(completion: str, _: Context) -> Parsed:
        text = without_fence(completion.strip())
        starts = list(pattern.finditer(text))
        fields: dict[str, str] = {}
        for start, end in zip(starts, [*(match.start() for match in starts[1:]), len(text)], strict=False):  # no starts, no ends
            name = start.group(1).lower().replace(" ", "_")
            if name in fields:  # a second round of sections is another item, which was not asked for
                break
            fields[name] = text[start.end() : end].strip().strip("*").strip()
        for name in settings.fields:
            if not fields.get(name):
                return Parsed(error=f"parse:no_{name}")
        order = [name for name in fields if name in settings.fields]
        if order != settings.fields:
            return Parsed(error="parse:order")
        return Parsed(fields={**dict.fromkeys(settings.optional, ""), **fields})

    return parse


class ScoreSettings(Section):
    """Settings of the parser `score`."""

    low: float = 1
    high: float = 5
    label: str = "score"


def score(settings: ScoreSettings) -> Parser:
    """A grade: the number after the last "Score:", as the field `score`. Out of bounds or missing is `parse:no_score`."""
    pattern = re.compile(rf"{re.escape(settings.label)}[ \t*_]*[:=]?[ \t*_]*({_NUMBER.pattern})(?:\s*/\s*\d+)?", re.IGNORECASE)

    def parse(completion: str, _: Context) -> Parsed:
        numbers = pattern.findall(completion) or ([completion.strip()] if _NUMBER.fullmatch(completion.strip()) else [])
        value = float(numbers[-1]) if numbers else settings.low - 1
        return Parsed(fields={"score": value}) if settings.low <= value <= settings.high else Parsed(error="parse:no_score")

    return parse


class LabelSettings(Section):
    """Settings of the parser `label`."""

    labels: list[str]
    reject: list[str] = []


def label(settings: LabelSettings) -> Parser:
    """One of a few words, as the field `label`; those in `reject` are the error `rejected:WORD`."""
    by_length = sorted(settings.labels, key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(re.escape(word) for word in by_length)})\b", re.IGNORECASE)

    def parse(completion: str, _: Context) -> Parsed:
        match = pattern.search(completion)
        if not match:
            return Parsed(error="parse:no_label")
        word = next(word for word in settings.labels if word.casefold() == match.group(1).casefold())
        return Parsed(error=f"rejected:{word}") if word in settings.reject else Parsed(fields={"label": word})

    return parse
