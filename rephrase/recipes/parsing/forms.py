"""Forms: what a parser asks for where an engine can hold its answers to a JSON schema. Each goes on as the parser of its name does."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from rephrase.recipes.base import TRUNCATED, Parsed
from rephrase.recipes.parsing import item_verdicts, parts, prose, turns
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.form import Form
from rephrase.recipes.parsing.form_bounds import (
    TEXT,
    Shape,
    bounds,
    ended,
    entry_text,
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


def bullets(settings: prose.BulletsSettings, max_tokens: int) -> Form:
    """A list of statements, a text each; one that comes again counts once."""
    most = bounds().statements
    entry = entry_text(max_tokens, most + most // 4)

    def read(data: Any, context: Context) -> Parsed:
        texts = [without_bullet(" ".join(text.split())) for text in ended(data["items"], entry)]
        return prose.statements_of(list(dict.fromkeys(texts)), settings, context)

    return Form(object_of(items=list_of(entry, 1, most)), _closing("bullets"), read)


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


def verdicts(settings: item_verdicts.VerdictsSettings, _: int) -> Form:
    """One of the words for each number of an item; as many as the prompt has items."""
    word: Shape = {"type": "string", "enum": list(settings.labels)}

    def schema_for(values: Mapping[str, Any]) -> Shape:
        numbers = range(1, max(1, len(item_verdicts.judged_items(settings, values))) + 1)
        return object_of(**{str(number): word for number in numbers})

    def read(data: Mapping[str, str], context: Context) -> Parsed:
        given = {int(number): label for number, label in data.items() if number.isdecimal() and label in settings.labels}
        return item_verdicts.verdicts_of(given, item_verdicts.judged_items(settings, context.values), settings)

    return Form(schema_for({}), _closing("verdicts", labels=", ".join(settings.labels)), read, schema_for)


def questions(settings: turns.QuestionsSettings, max_tokens: int) -> Form:
    """Pairs of question and answer."""
    schema, pair = pairs_of(max_tokens, settings.min_pairs, max(settings.min_pairs, bounds().pairs))
    return Form(schema, _closing("questions"), lambda data, context: turns.questions_of(_pairs(data, pair), settings, context))


def diverse_questions(settings: turns.DiverseSettings, max_tokens: int) -> Form:
    """Pairs of question and answer, at most as many as are taken."""
    schema, pair = pairs_of(max_tokens, 1, settings.max_pairs)
    closing = _closing("diverse_questions")
    return Form(schema, closing, lambda data, context: turns.diverse_questions_of(_pairs(data, pair), settings, context))


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
