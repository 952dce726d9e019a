"""Questions as JSON: the schema that an engine holds its answers to, by their format, and the reader of such answers."""

from __future__ import annotations

import functools
from typing import Any

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import Context
from rephrase.recipes.parsing.form import Form
from rephrase.recipes.parsing.form_bounds import Shape, bounds, entry_text, list_of, object_of
from rephrase.recipes.prompts import fill, flow_prompts
from rephrase.recipes.questions import LETTERS, Format, Question, question_of


@functools.lru_cache(maxsize=64)
def form_of(asked: Format, max_tokens: int) -> Form:
    """The form of an answer of so many tokens with questions of a format."""
    most = max(1, min(bounds().pairs, max_tokens // bounds().tokens_a_pair))
    text = entry_text(max_tokens, most * (2 + asked.choices))
    names = [f"choice_{letter.lower()}" for letter in LETTERS[: asked.choices]]
    answers = list(LETTERS[: asked.choices]) or list(asked.answers)
    answer: Shape = {"type": "string", "enum": answers} if answers else {**text, "pattern": "\\S"}
    entry = object_of(question=text, **dict.fromkeys(names, text), answer=answer)
    shape = "{" + ", ".join(f'"{name}": "…"' for name in entry["properties"]) + "}"

    def read(data: Any, _: Context) -> Parsed:
        whole = [given for given in data["questions"] if not _is_ended(given, entry)]
        return Parsed(fields={"questions": [_question(given, names) for given in whole]})

    return Form(object_of(questions=list_of(entry, 1, most)), fill(flow_prompts("seeded")["closing"], {"shape": shape}), read)


def _question(given: dict[str, str], names: list[str]) -> Question | str:
    return question_of(given["question"].strip(), [given[name] for name in names], given["answer"])


def _is_ended(given: dict[str, str], entry: Shape) -> bool:
    """Whether a text ended at its bound, so that nobody knows the rest of it."""
    return any(len(given[name]) == part.get("maxLength") for name, part in entry["properties"].items())
