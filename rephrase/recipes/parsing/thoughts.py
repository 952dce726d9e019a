"""The parser of thinking, of models that write it apart from their answers and of those that do not."""

from __future__ import annotations

from pydantic import Field

from rephrase.recipes.base import Parsed
from rephrase.recipes.parsing.common import Context, Parser, at_least, own_text
from rephrase.settings.section import Section


class ThoughtSettings(Section):
    """Settings of the parser `thought`."""

    answer: bool = False
    """Put the answer behind the reasoning, for a question that is to be answered; one without an answer is the error `parse:empty`."""
    min_tokens: int = 0
    max_characters: int | None = Field(default=None, ge=1)
    """A longer one is the error `parse:too_long`."""


def thought(settings: ThoughtSettings) -> Parser:
    """What a model thinks: the reasoning before its answer, without marks. Of a model that writes none apart, the answer is the thinking.

    So a completion may end where the reasoning does, as with `stop: ["</think>"]`.
    """

    def parse(completion: str, context: Context) -> Parsed:
        reasoning, answer = (context.reasoning or "").strip(), own_text(completion, str(context.values.get("passage", ""))).strip()
        if settings.answer and not answer:
            return Parsed(error="parse:empty")
        parts = [reasoning, answer] if settings.answer else [reasoning or answer]
        text = "\n\n".join(part for part in parts if part)
        if settings.max_characters is not None and len(text) > settings.max_characters:
            return Parsed(error="parse:too_long")
        return at_least(text, settings.min_tokens, context)

    return parse
