"""What all parsers share: what they may look at, and how a completion is freed of what stands around its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rephrase.recipes.base import Parsed
from rephrase.records import content_id
from rephrase.text.lead_in import without_epilogue, without_lead_in
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Context:
    """What a parser may look at beside the completion."""

    tokenizer: Tokenizer
    values: Mapping[str, Any] = field(default_factory=dict)  # what the prompt was filled with
    drawn_by: tuple[str, ...] = ()  # what random choices are a function of: the same for the same prompt and completion on any machine
    reasoning: str | None = None  # what the model wrote before the completion
    language: str | None = None  # tag of the language that was asked for; None where nothing was said of it

    @property
    def seed(self) -> str:
        """Of random choices."""
        return content_id(*self.drawn_by)


LONGEST = 200_000
"""Characters of a completion whose parts are told by labels or bullets; a longer one repeats itself without end: `parse:too_long`."""

Parser = Callable[[str, Context], Parsed]

_MARKDOWN = re.compile(r"(?m)^[ \t]*+#{1,6}[ \t]++|\*\*(?=\S)|(?<=\S)\*\*|^[ \t]*+(?:[-*_][ \t]*+){3,}+$")
_FENCE = re.compile(r"(?m)^[ \t]*+(?:```|~~~)[^\n]*+")
_MANY_BREAKS = re.compile(r"\n{3,}+")


def own_text(completion: str, source: str = "") -> str:
    """What a completion says without what an assistant says before and after it; `source` is the text that was shown."""
    return without_epilogue(without_lead_in(completion, source), source)


def without_markdown(text: str) -> str:
    """The text without headings' marks, bold type and rules; bullets stay."""
    return _MANY_BREAKS.sub("\n\n", _MARKDOWN.sub("", text)).strip()


def without_fence(text: str, *, in_prose: bool = False) -> str:
    """What stands inside the code fence that a text is; with `in_prose` also inside its only one, whatever stands around it."""
    fences = list(_FENCE.finditer(text))
    is_one = len(fences) == 2 and not fences[1][0].strip("`~ \t")  # its beginning and its end
    if not is_one or not (in_prose or not (text[: fences[0].start()] + text[fences[1].end() :]).strip()):
        return text
    return text[fences[0].end() : fences[1].start()].strip("\n")


def at_least(text: str, min_tokens: int, context: Context) -> Parsed:
    """The text as what was parsed, or the error that it is empty or under so many tokens."""
    if not text:
        return Parsed(error="parse:empty")
    if min_tokens and context.tokenizer.count([text])[0] < min_tokens:
        return Parsed(error="parse:too_short")
    return Parsed(text=text)
