"""The programs in texts that are judged: whole texts, or what stands in their code fences, each with its language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from classifiers.batch import JudgeBatch
from classifiers.parts import text_part
from rephrase.text.code.fences import fences_of
from rephrase.text.code.languages import language_named, language_of_fence

_BEGINS_WITH_FENCE = re.compile(r"\s*+(?:```|~~~)")
_LANGUAGE = "language"  # the part of a row in which a recipe tells the language that it was asked for


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and its language by the name that languages.yaml has for it; None where nobody knows it."""

    text: str
    language: str | None


def programs_of(batch: JudgeBatch, row: int, language: str | None, *, fenced: bool) -> list[Program]:
    """The programs of a row: the whole text where its language is known, else its code fences; these alone where `fenced` asks for them.

    The language of a row is `language` if that is given, else the row's part `language`, else the document's; a fence may say another one
    where `language` is not given. A text that begins with a fence is taken as its fences.
    """
    text = batch.texts[row] or ""
    given = language_named(language) if language else None
    of_row = given or language_named(text_part(batch.fields[row], _LANGUAGE)) or language_named(batch.languages[row])
    fences = list(fences_of(text))
    if fences and (fenced or of_row is None or _BEGINS_WITH_FENCE.match(text)):
        return [Program(fence.inside, given or (language_of_fence(fence.info) if fence.info.strip() else of_row)) for fence in fences]
    return [] if fenced else [Program(text, of_row)]
