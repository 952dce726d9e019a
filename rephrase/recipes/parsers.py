"""The parsers of completions, by the names that recipe files use. Each gives training text or fields, or an error code `parse:…`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from rephrase.errors import UserError
from rephrase.recipes.parsing import forms, item_verdicts, parts, programs, prose, thoughts, turns
from rephrase.recipes.parsing.common import Parser
from rephrase.recipes.parsing.form import Form
from rephrase.settings.lines import Lines
from rephrase.settings.nearest import nearest
from rephrase.settings.section import Section
from rephrase.settings.validation import validate
from rephrase.settings.yaml_text import Place

PARSERS: dict[str, tuple[type[Section], Callable[[Any], Parser]]] = {
    "paraphrase": (prose.ParaphraseSettings, prose.paraphrase),
    "plain": (prose.PlainSettings, prose.plain),
    "marked": (prose.MarkedSettings, prose.marked),
    "bullets": (prose.BulletsSettings, prose.bullets),
    "items": (parts.ItemsSettings, parts.items),
    "objects": (parts.ObjectsSettings, parts.objects),
    "tag": (prose.TagSettings, prose.tag),
    "thought": (thoughts.ThoughtSettings, thoughts.thought),
    "sections": (parts.SectionsSettings, parts.sections),
    "score": (parts.ScoreSettings, parts.score),
    "label": (parts.LabelSettings, parts.label),
    "verdicts": (item_verdicts.VerdictsSettings, item_verdicts.verdicts),
    "questions": (turns.QuestionsSettings, turns.questions),
    "diverse_questions": (turns.DiverseSettings, turns.diverse_questions),
    "dialogue": (turns.DialogueSettings, turns.dialogue),
    "edits": (prose.EditsSettings, prose.edits),
    "code": (programs.CodeSettings, programs.code),
}

FORMS: dict[str, Callable[[Any, int], Form]] = {
    "bullets": forms.bullets,
    "items": forms.items,
    "objects": forms.objects,
    "sections": forms.sections,
    "marked": forms.marked,
    "tag": forms.tag,
    "score": forms.score,
    "label": forms.label,
    "verdicts": forms.verdicts,
    "questions": forms.questions,
    "diverse_questions": forms.diverse_questions,
}
"""The parsers whose answers an engine can be held to."""


def fields_of_parser(name: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that later prompts may use by name."""
    fields_by_parser = {
        "score": ("score",),
        "label": ("label",),
        "items": (),
        "objects": (),
        "diverse_questions": ("pairs",),
        "edits": ("operations",),
        "verdicts": (*settings.get("labels", ()), "score", "verdicts"),
    }
    return fields_by_parser.get(name, (*settings.get("fields", ()), *settings.get("optional", ())))


def check_parser(name: str, settings: Mapping[str, Any], lines: Lines, place: Place) -> None:
    """Raise a `UserError` for an unknown name or setting of a parser, with its line in the recipe file. `place`: the key `parser` there."""
    if name not in PARSERS:
        key = f": `{'.'.join(map(str, place))}`" if place else ""
        raise UserError(f"unknown parser `{name}`", where=f"{lines.of(*place)}{key}", cure=nearest(name, PARSERS))
    section, _ = PARSERS[name]
    cure = f"`rephrase config recipe.parser.{name}` explains the keys"
    validate(section, settings, lines.where, lines.places, cure, place=(*place, name))


def parser_of(name: str, settings: dict[str, Any], where: str) -> Parser:
    """The parser of that name with these settings. Raises `UserError` for an unknown name or setting."""
    return _parser(name, orjson.dumps(settings, option=orjson.OPT_SORT_KEYS), where)


def form_of(name: str, settings: dict[str, Any], max_tokens: int, where: str) -> Form:
    """The JSON that answers of so many tokens for the parser of that name are held to. Raises `UserError` for a parser without one."""
    return _form(name, orjson.dumps(settings, option=orjson.OPT_SORT_KEYS), max_tokens, where)


@functools.lru_cache(maxsize=256)
def _form(name: str, settings: bytes, max_tokens: int, where: str) -> Form:
    if name not in FORMS:
        cure = f"remove `structured`; parsers that can are: {', '.join(FORMS)}"
        raise UserError(f"answers for the parser `{name}` cannot be held to JSON", where=where, cure=cure)
    section, _ = PARSERS[name]
    return FORMS[name](validate(section, orjson.loads(settings), where), max_tokens)


@functools.lru_cache(maxsize=256)  # asked for once a completion
def _parser(name: str, settings: bytes, where: str) -> Parser:
    values = orjson.loads(settings)
    check_parser(name, values, Lines(where), ())
    section, make = PARSERS[name]
    return make(section.model_validate(values))
