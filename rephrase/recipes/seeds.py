"""Seeds: questions of a task's training split, which show a model the task's format. Items that a task is scored by are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from rephrase.errors import UserError
from rephrase.readers.plain_rows import field_of
from rephrase.recipes.list_rows import read_rows
from rephrase.recipes.prompts import flow_prompts
from rephrase.recipes.questions import LETTERS, Question
from rephrase.settings.paths import SHIPPED_LISTS
from rephrase.settings.section import Section

SHIPPED = f"{SHIPPED_LISTS}seed_questions.jsonl"
_PIECE = re.compile(r"[^\W_]+")
_CURE = "name the fields by `fields: {question: …, answer: …, choices: …}`"
_SPLIT_FIELDS = ("split", "subset", "partition")


class SeedFields(Section):
    """In which fields of a row a seed stands; a dot goes into an object: `choices.text`."""

    question: str = "question"
    answer: str = "answer"
    """A text. Of a row with choices: one of them, its letter, or its number, from 0."""
    choices: str | None = Field(default="choices")
    """A list of texts. A row that has no such field is an open question."""


@dataclass(frozen=True, slots=True)
class Seed(Question):
    """A question of the seeds, and where it stands."""

    place: str = ""
    """File and row, as errors name them."""


def read_seeds(path: str, fields: SeedFields) -> tuple[Seed, ...]:
    """The seeds of a JSONL or Parquet file, or of ours.

    Raises `UserError` for a file or row of a split that models are scored by, and with file, row and cure for what is no seed.
    """
    refuse_held_out(path)
    seeds = tuple(_seed(row, place, fields) for place, row in read_rows(path))
    if len(seeds) > (most := flow_prompts("seeded")["most_seeds"]):
        raise UserError(f"{len(seeds):,} seeds travel to every task", where=path, cure=f"give a sample of at most {most:,}")
    if not seeds:
        raise UserError("there are no seeds", where=path, cure='give JSON lines such as {"question": "…", "answer": "…"}')
    if "choices" in fields.model_fields_set and fields.choices is not None and not any(seed.choices for seed in seeds):
        raise UserError(f"no row has a field `{fields.choices}`", where=path, cure=f"{_CURE}, or `choices: null` for open questions")
    return seeds


def refuse_held_out(path: str) -> None:
    """Raise a `UserError` for a file whose name, or whose folder's, says that models are scored by it: `test.jsonl`, `split=test/`."""
    words = flow_prompts("seeded")["held_out"]
    *folders, name = path.replace("\\", "/").split("/")
    of_name, of_folder = ([piece.lower() for piece in _PIECE.findall(text)] for text in (name, folders[-1] if folders else ""))
    held_out = next((word for word in of_name if word in words), None)
    if held_out is None and len(of_folder) <= 2 and of_folder and of_folder[-1] in words and of_folder[0] in (*words, *_SPLIT_FIELDS):
        held_out = of_folder[-1]
    if held_out is not None and "train" not in of_name:
        raise UserError(
            f"its name says `{held_out}`: texts that are made from items of a test would spoil it",
            where=path,
            cure="give the task's training split; rename the file if it holds no items of a test",
        )


def _seed(row: Any, place: str, fields: SeedFields) -> Seed:
    if isinstance(row, Mapping):
        for name in _SPLIT_FIELDS:
            value = row.get(name)
            if isinstance(value, str) and value.lower() in flow_prompts("seeded")["held_out"]:
                what = f"`{name}: {value}`: texts that are made from items of a test would spoil it"
                raise UserError(what, where=place, cure="give the rows of the task's training split alone")
    question = field_of(row, fields.question, place, _CURE)
    if not isinstance(question, str) or not question.strip():
        raise UserError(f"`{fields.question}` is no question but {question!r}", where=place, cure=_CURE)
    answer = field_of(row, fields.answer, place, _CURE)
    choices = _choices(row, fields.choices, place)
    text = _right_choice(answer, choices, fields, place) if choices else _text(answer)
    if not text:
        cure = f"{_CURE}, or leave the row out"
        raise UserError(f"`{fields.answer}` is no answer but {answer!r}", where=place, cure=cure)
    return Seed(question.strip(), text, choices, place)


def _choices(row: Any, field: str | None, place: str) -> tuple[str, ...]:
    if field is None or not isinstance(row, Mapping) or field.split(".")[0] not in row or row[field.split(".")[0]] is None:
        return ()
    choices = field_of(row, field, place, _CURE)
    texts = tuple(" ".join(_text(choice).split()) for choice in choices) if isinstance(choices, list) else ()
    if isinstance(choices, list) and not choices:
        return ()
    if len(texts) < 2 or not all(texts) or len(set(texts)) < len(texts) or len(texts) > len(LETTERS):  # of one nobody chooses
        what = f"`{field}` is no list of two to {len(LETTERS)} different texts"
        cure = f"give such a list; of an object name the field that holds it, such as `choices: {field}.text`"
        raise UserError(what, where=place, cure=cure)
    return texts


def _right_choice(answer: Any, choices: tuple[str, ...], fields: SeedFields, place: str) -> str:
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return choices[answer]
    text = " ".join(_text(answer).split())
    letter = LETTERS.find(text.strip("().").upper()) if len(text.strip("().")) == 1 else -1
    by_letter = choices[letter] if 0 <= letter < len(choices) else None
    if text in choices:
        if by_letter not in (None, text):
            what = f"`{fields.answer}` is {answer!r}, which is one of the choices and the letter of another"
            raise UserError(what, where=place, cure="give its number, from 0, or leave the row out")
        return text
    if by_letter is not None:
        return by_letter
    what = f"`{fields.answer}` is {answer!r}, and there are {len(choices)} choices"
    raise UserError(what, where=place, cure="give one of the choices, its letter, or its number, from 0")


def _text(value: Any) -> str:
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if is_text or (isinstance(value, float) and math.isfinite(value)) else ""
