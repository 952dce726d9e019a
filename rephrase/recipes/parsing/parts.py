"""Parsers of parts: what a completion says goes into fields, for later steps or for the text that a recipe composes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import LONGEST, Context, Parser, without_fence, without_markdown
from rephrase.settings.faults import fault
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section
from rephrase.text.labels import Labels, sections_of
from rephrase.text.lists import list_items
from rephrase.text.loose_json import read_json
from rephrase.text.scores import read_score
from rephrase.text.table_rows import without_tables
from rephrase.text.verdicts import read_verdict

_LETTERS = {"question": "q", "answer": "a"}


class ItemsSettings(Section):
    """Settings of the parser `items`."""

    min_items: int = Field(default=1, ge=0)
    max_items: int = Field(default=100, ge=1)
    min_words: int = Field(default=1, ge=0)


def items(settings: ItemsSettings) -> Parser:
    """A list that prepares a later step: the field `items` holds one text for each bullet, number or heading, without repeats."""

    def parse(completion: str, _: Context) -> Parsed:
        if len(completion) > LONGEST:
            return Parsed(error="parse:too_long")
        return items_of(list_items(completion, settings.min_words), settings)

    return parse


def items_of(texts: Iterable[str], settings: ItemsSettings) -> Parsed:
    """The items of a list, without repeats and Markdown, as the field `items`."""
    plain = dict.fromkeys(without_markdown(item).strip(" .:*") for item in texts)
    entries = [item for item in plain if item][: settings.max_items]
    return Parsed(fields={"items": entries}) if entries and len(entries) >= settings.min_items else Parsed(error="parse:no_items")


class ObjectsSettings(Section):
    """Settings of the parser `objects`."""

    fields: list[str] = Field(min_length=1)
    min_items: int = Field(default=1, ge=0)
    max_items: int = Field(default=100, ge=1)


def objects(settings: ObjectsSettings) -> Parser:
    """A JSON list of objects, each with these text fields: a later step has a prompt for each. Repeats count once.

    What the list holds beside is left out; a completion without any such object is the error `parse:json`.
    """

    def parse(completion: str, _: Context) -> Parsed:
        data = read_json(completion, lambda value: isinstance(value, list) and any(_texts_of(entry, settings.fields) for entry in value))
        return Parsed(error="parse:json") if data is None else objects_of(data, settings)

    return parse


def objects_of(data: Iterable[Any], settings: ObjectsSettings) -> Parsed:
    """Those objects of a list that have all the text fields, without repeats, as the field `items`."""
    entries: list[dict[str, str]] = []
    for value in data:
        entry = _texts_of(value, settings.fields)
        if entry and entry not in entries and len(entries) < settings.max_items:
            entries.append(entry)
    return Parsed(fields={"items": entries}) if len(entries) >= settings.min_items else Parsed(error="parse:no_items")


def _texts_of(entry: Any, fields: Sequence[str]) -> dict[str, str] | None:
    texts = {name: _plain(entry.get(name)) for name in fields} if isinstance(entry, dict) else {}
    return texts if texts and all(texts.values()) else None


def _plain(value: Any) -> str:
    """A text or a number of JSON as a line of text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return " ".join(str(value).split())


class SectionsSettings(Section):
    """Settings of the parser `sections`."""

    fields: list[str] = Field(min_length=1)
    """Names of the sections in order; each begins with its name and a colon."""
    optional: list[str] = []


def sections(settings: SectionsSettings) -> Parser:
    """Sections that begin with their names ("Question: …", "**Answer**"), each a field by its name in lower case.

    Also an object of JSON with these fields. A section that is missing, empty or out of order is the error `parse:no_NAME`.
    """
    names = [*settings.fields, *settings.optional]
    words = Labels(names)
    short = {name: letter for name, letter in _LETTERS.items() if name in names}
    letters = Labels(names, short) if short else None

    def readings(text: str, completion: str) -> Iterator[dict[str, str]]:
        yield _first_round(sections_of(text, words))
        yield _first_round(sections_of(words.apart(text), words))
        if letters:
            yield _first_round(sections_of(letters.apart(text), letters))
        yield _from_json(completion, settings.fields)

    def parse(completion: str, _: Context) -> Parsed:
        if len(completion) > LONGEST:
            return Parsed(error="parse:too_long")
        text = without_tables(without_fence(completion.strip()), words)
        error = None
        for fields in readings(text, completion):
            parsed = sections_from(fields, settings)
            if parsed.error is None:
                return parsed
            error = error or parsed.error
        return Parsed(error=error)

    return parse


def sections_from(fields: Mapping[str, str], settings: SectionsSettings) -> Parsed:
    """The sections as fields, or what is wrong with them."""
    fault = _faults(fields, settings.fields)
    return Parsed(error=fault) if fault else Parsed(fields={**dict.fromkeys(settings.optional, ""), **fields})


def _first_round(parts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The sections up to the first that comes again: a second round is another item, which was not asked for."""
    fields: dict[str, str] = {}
    for name, content in parts:
        if name.lower() in fields:
            break
        fields[name.lower()] = content.strip("*").strip()
    return fields


def _faults(fields: Mapping[str, str], required: Sequence[str]) -> str | None:
    for name in required:
        if not fields.get(name):
            return f"parse:no_{name}"
    order = [name for name in fields if name in required]
    return None if order == list(required) else "parse:order"


def _from_json(completion: str, required: Sequence[str]) -> dict[str, str]:
    def is_text(value: Any) -> bool:
        return isinstance(value, str) and bool(value.strip())

    data = read_json(completion, lambda value: isinstance(value, dict) and all(is_text(value.get(name)) for name in required))
    return {name: data[name].strip() for name in required} if data else {}


class ScoreSettings(Section):
    """Settings of the parser `score`."""

    low: float = 1
    high: float = 5
    label: str = "score"


def score(settings: ScoreSettings) -> Parser:
    """A grade: the last one behind "Score:", as the field `score`.

    One that is missing, out of bounds, a range, or on another scale is the error `parse:no_score`.
    """

    def parse(completion: str, _: Context) -> Parsed:
        return score_of(read_score(completion, settings.low, settings.high, settings.label), settings)

    return parse


def score_of(value: float | None, settings: ScoreSettings) -> Parsed:
    """A grade within its bounds as the field `score`."""
    is_grade = value is not None and settings.low <= value <= settings.high
    return Parsed(fields={"score": value}) if is_grade else Parsed(error="parse:no_score")


class LabelSettings(Section):
    """Settings of the parser `label`."""

    labels: list[str] = Field(min_length=1)
    reject: list[str] = []

    @model_validator(mode="after")
    def _known(self) -> LabelSettings:
        for number, word in enumerate(self.reject):
            if word not in self.labels:
                raise fault(f"`{word}` is none of the labels", nearest(word, self.labels), ("reject", number))
        return self


def label(settings: LabelSettings) -> Parser:
    """One of a few words, as the field `label`; those in `reject` are the error `rejected:WORD`. None, or several, is `parse:no_label`."""
    labels = tuple(settings.labels)

    def parse(completion: str, _: Context) -> Parsed:
        return label_of(read_verdict(completion, labels), settings)

    return parse


def label_of(word: str | None, settings: LabelSettings) -> Parsed:
    """One of the words as the field `label`, if it is not to be rejected."""
    if word is None or word not in settings.labels:
        return Parsed(error="parse:no_label")
    return Parsed(error=f"rejected:{word}") if word in settings.reject else Parsed(fields={"label": word})
