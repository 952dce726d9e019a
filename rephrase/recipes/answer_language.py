"""The language that answers shall be in: the line that asks for it, and what labels are called there. Data: answer_language.yaml."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files

from rephrase.engines.base import Message
from rephrase.errors import UserError
from rephrase.recipes.base import AnswerLanguage, Prompt, Recipe, Step
from rephrase.recipes.prompts import fill
from rephrase.records import Document
from rephrase.settings.section import Section
from rephrase.settings.yaml_text import parse_yaml
from rephrase.text.languages import SAME, UNKNOWN, english_name, language_tag, nearest_tag

_FILE = "answer_language.yaml"


class Wording(Section):
    """What is written in a language."""

    text: str
    """Asks for it."""
    labels: str
    """Says that what the prompt asks for by name stays as it is."""
    question: str
    answer: str


class _Other(Section):
    text: str
    unknown: str
    labels: str


class _Table(Section):
    languages: dict[str, Wording]
    other: _Other


def in_language(recipe: Recipe, code: str) -> Recipe:
    """The recipe with its answers asked for in a language: `same` as each document's, or a tag.

    Raises `UserError` where no step writes text, and for steps without a chat: a base model would go on with the line.
    """
    steps = [step for step in recipe.steps if not step.judges]
    if not steps:
        raise UserError("the recipe writes no text", where=f"recipe `{recipe.name}`", cure="remove `language`")
    if plain := next((step.name for step in steps if not step.chat), None):
        what = f"the step `{plain}` sends no chat messages, and cannot ask for a language"
        raise UserError(what, where=f"recipe `{recipe.name}`", cure="remove `language`, or use a recipe that sends some")
    return replace(recipe, language=AnswerLanguage(code, tuple(_lines_of(code, steps))))


def language_of_answers(language: AnswerLanguage | None, document: Document) -> str | None:
    """The tag of the language that answers about a document shall be in, `und` where nobody knows it. None: nothing is said of it."""
    if language is None:
        return None
    return language.fixed or language_tag(document.language or "")


def asking_for(prompt: Prompt, language: str, step: Step) -> Prompt:
    """The prompt with a line at its end that asks for an answer in this language, but for prompts whose answers are no text."""
    if step.judges or prompt.ready is not None or not prompt.messages:
        return prompt
    *before, last = prompt.messages
    asked = Message(last.role, f"{last.content}\n\n{line_for(language, with_labels=step.has_labels)}")
    return replace(prompt, messages=(*before, asked), language=language)


def line_for(language: str, *, with_labels: bool) -> str:
    """The line that asks for answers in a language, `und` for that of the document; with labels also that they stay as they are."""
    wording, other = _wording_of(language), _table().other
    if wording is not None:
        return f"{wording.text} {wording.labels}" if with_labels else wording.text
    name = english_name(language)
    text = other.unknown if name is None else fill(other.text, {"language": name})
    return f"{text} {other.labels}" if with_labels else text


def pair_labels(language: str | None) -> tuple[str, str]:
    """What stands before a question and before its answer in a text of a language; in English for those that the table does not have."""
    wording = _wording_of(language or "en") or _table().languages["en"]
    return wording.question, wording.answer


def _wording_of(language: str) -> Wording | None:
    tag = nearest_tag(language, _table().languages)
    return None if tag is None else _table().languages[tag]


def _lines_of(code: str, steps: Sequence[Step]) -> Iterator[str]:
    tags = [*_table().languages, UNKNOWN] if code == SAME else [code]
    for with_labels in sorted({step.has_labels for step in steps}):
        yield from (line_for(tag, with_labels=with_labels) for tag in tags)


@functools.cache
def _table() -> _Table:
    return _Table.model_validate(parse_yaml(files(__package__).joinpath(_FILE).read_text("utf-8"), _FILE))
