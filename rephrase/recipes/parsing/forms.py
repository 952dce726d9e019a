"""Forms: what a parser asks for where an engine can hold its answers to a JSON schema. Each goes on as the parser of its name does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import orjson

from rephrase.recipes.base import TRUNCATED, Parsed
from rephrase.recipes.parsing import parts, prose, turns
from rephrase.recipes.parsing.common import Context, without_fence
from rephrase.recipes.parsing.cut_json import entries_before_the_cut
from rephrase.recipes.parsing.form_bounds import (
    TEXT,
    Shape,
    bounds,
    ended,
    entry_text,
    least_in,
    list_of,
    object_of,
    pairs_of,
    whole_sentences,
    whole_text,
)
from rephrase.recipes.parsing.pairs import Pair
from rephrase.recipes.prompts import fill
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.labels import Labels
from rephrase.text.lists import long_enough, without_bullet


@dataclass(frozen=True, slots=True)
class Form:
    """An answer as JSON: its schema, the line of the prompt that asks for it, and the reader of its data."""

    schema: Shape
    closing: str
    _read: Callable[[Any, Context], Parsed]

    @property
    def schema_text(self) -> str:
        """The schema as JSON, its fields in the order in which they are to be written."""
        return self.schema_text_in(None)

    def schema_text_in(self, language: str | None) -> str:
        """The same for answers in a language, which may have fewer characters in as many tokens. None: English."""
        return orjson.dumps(least_in(self.schema, language)).decode()

    def parse(self, completion: str, context: Context) -> Parsed | None:
        """What an answer gives; None for one that is no JSON of this form, as engines write it that do not hold to schemas."""
        try:
            data = orjson.loads(without_fence(completion.strip(), in_prose=True))
        except orjson.JSONDecodeError:
            return None
        return self._read(data, context) if _fits(data, self.schema) else None

    def parse_cut(self, completion: str, context: Context) -> Parsed | None:
        """What those entries of a list give that stand whole in an answer that was cut; None for other forms, or if these are too few."""
        [(name, shape), *others] = self.schema["properties"].items()
        if others or shape["type"] != "array":
            return None
        data = {name: entries_before_the_cut(completion, name)}
        parsed = self._read(data, context) if data[name] and _fits(data, self.schema) else None
        return None if parsed is None or parsed.error else parsed


def items(settings: parts.ItemsSettings, max_tokens: int) -> Form:
    """A list of texts."""
    entry = entry_text(max_tokens, settings.max_items, settings.min_words)

    def read(data: Any, _: Context) -> Parsed:
        texts = [without_bullet(" ".join(text.split())) for text in ended(data["items"], entry)]
        return parts.items_of(long_enough(texts, settings.min_words), settings)

    return Form(object_of(items=list_of(entry, settings.min_items, settings.max_items)), _closing("items"), read)


def objects(settings: parts.ObjectsSettings, max_tokens: int) -> Form:
    """A list of objects with the same text fields."""
    entry = object_of(**dict.fromkeys(settings.fields, entry_text(max_tokens, settings.max_items * len(settings.fields))))
    schema = object_of(items=list_of(entry, settings.min_items, settings.max_items))

    def read(data: Any, _: Context) -> Parsed:
        return parts.objects_of(ended(data["items"], entry), settings)

    return Form(schema, _closing("objects", shape=_shown(settings.fields)), read)


def sections(settings: parts.SectionsSettings, max_tokens: int) -> Form:
    """A text for each section, in order; an optional one may be empty."""
    names = [*settings.fields, *settings.optional]
    shape = whole_text(max_tokens, parts=len(names))
    optional: Shape = {**TEXT, "maxLength": shape["maxLength"]}
    schema = object_of(**{name: shape if name in settings.fields else optional for name in names})

    def read(texts: Mapping[str, str], _: Context) -> Parsed:
        return parts.sections_from({name: _without_label(texts[name], name) for name in names}, settings)

    return Form(schema, _closing("sections", shape=_shown(names)), _of_whole_sentences(read, schema))


def marked(settings: prose.MarkedSettings, max_tokens: int) -> Form:
    """A text; the marker that text begins with is not needed."""
    parse, name = prose.marked(settings), settings.marker.rstrip(" :")
    schema = object_of(text=whole_text(max_tokens, settings.min_tokens))

    def read(texts: Mapping[str, str], context: Context) -> Parsed:
        return parse(f"{settings.marker} {_without_label(texts['text'], name)}", context)

    return Form(schema, _closing("marked"), _of_whole_sentences(read, schema))


def tag(settings: prose.TagSettings, max_tokens: int) -> Form:
    """A text under the name of the tag."""
    parse, name = prose.tag(settings), settings.name
    schema = object_of(**{name: whole_text(max_tokens, settings.min_tokens)})

    def read(texts: Mapping[str, str], context: Context) -> Parsed:
        return parse(f"<{name}>{texts[name]}</{name}>", context)

    return Form(schema, _closing("tag", shape=_shown([name])), _of_whole_sentences(read, schema))


def score(settings: parts.ScoreSettings, _: int) -> Form:
    """A whole number within the bounds where they are whole and wider apart than 1; else one of a few from bound to bound.

    A small model writes the digits of a free number without end.
    """
    low, high = settings.low, settings.high
    if float(low).is_integer() and float(high).is_integer() and high - low > 1:
        grade: Shape = {"type": "integer", "minimum": int(low), "maximum": int(high)}
    else:
        steps = bounds().grades
        grade = {"type": "number", "enum": [round(low + (high - low) * step / steps, 6) for step in range(steps + 1)]}
    closing = _closing("score", low=f"{low:g}", high=f"{high:g}")
    return Form(object_of(score=grade), closing, lambda data, _: parts.score_of(float(data["score"]), settings))


def label(settings: parts.LabelSettings, _: int) -> Form:
    """One of the words."""
    schema = object_of(label={"type": "string", "enum": list(settings.labels)})
    return Form(schema, _closing("label", labels=", ".join(settings.labels)), lambda data, _: parts.label_of(data["label"], settings))


def questions(settings: turns.QuestionsSettings, max_tokens: int) -> Form:
    """Pairs of question and answer."""
    schema, pair = pairs_of(max_tokens, settings.min_pairs, max(settings.min_pairs, bounds().pairs))
    return Form(schema, _closing("questions"), lambda data, context: turns.questions_of(_pairs(data, pair), settings, context))


def diverse_questions(settings: turns.DiverseSettings, max_tokens: int) -> Form:
    """Pairs of question and answer, at most as many as are taken."""
    schema, pair = pairs_of(max_tokens, 1, settings.max_pairs)
    closing = _closing("diverse_questions")
    return Form(schema, closing, lambda data, context: turns.diverse_questions_of(_pairs(data, pair), settings, context))


def _fits(value: Any, schema: Shape) -> bool:
    """Whether a value has the types that a schema of this file asks for; bounds and numbers of items are seen to by who reads it."""
    match schema["type"]:
        case "object":
            fields = schema["properties"]
            return isinstance(value, dict) and all(name in value and _fits(value[name], part) for name, part in fields.items())
        case "array":
            return isinstance(value, list) and all(_fits(entry, schema["items"]) for entry in value)
        case "string":
            return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_whole_sentences(read: Callable[[Mapping[str, str], Context], Parsed], schema: Shape) -> Callable[[Any, Context], Parsed]:
    """The reader of texts each of which may have been ended at its bound: such a one is read to its last sentence, and told to be cut."""

    def read_whole(data: Any, context: Context) -> Parsed:
        texts = {name: whole_sentences(data[name], shape) for name, shape in schema["properties"].items()}
        whole = {name: text for name, text in texts.items() if text is not None}
        if len(whole) < len(texts):
            return Parsed(error=TRUNCATED)
        return replace(read(whole, context), cut=any(text != data[name] for name, text in whole.items()))

    return read_whole


def _pairs(data: Any, shape: Shape) -> list[Pair]:
    entries = ended(data["pairs"], shape)
    pairs = [(_without_label(pair["question"], "question"), _without_label(pair["answer"], "answer")) for pair in entries]
    return [pair for pair in dict.fromkeys(pairs) if all(pair)]


def _without_label(text: str, name: str) -> str:
    """The text without the label that the prompt asked for, which some models write all the same."""
    first, line_break, rest = text.strip().partition("\n")
    lead = _labels(name).read(first)
    return f"{lead.rest}{line_break}{rest}".strip() if lead and lead.sign == ":" else text.strip()


@functools.cache
def _labels(name: str) -> Labels:
    return Labels([name])


def _shown(fields: Sequence[str]) -> str:
    return "{" + ", ".join(f'"{name}": "…"' for name in fields) + "}"


@functools.cache
def _closing_lines() -> dict[str, str]:
    lines: dict[str, str] = parse_yaml(files(__package__).joinpath("json_answers.yaml").read_text("utf-8"), "json_answers.yaml")
    return lines


def _closing(parser: str, **values: str) -> str:
    return fill(_closing_lines()[parser], values)
