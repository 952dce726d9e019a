"""What all parsers share: what they may look at, and how a completion is freed of what stands around its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rephrase.recipes.base import Parsed
from rephrase.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Context:
    """What a parser may look at beside the completion."""

    tokenizer: Tokenizer
    values: Mapping[str, Any] = field(default_factory=dict)  # what the prompt was filled with
    seed: str = ""  # for random choices: the same for the same prompt and completion on any machine


Parser = Callable[[str, Context], Parsed]

# A lead-in announces the text: an optional "Sure!", then a short line such as "Here is a simplified version of the passage:".
_AGREEMENT = r"(?:\W{0,4}(?:sure|certainly|of course|okay|ok|absolutely|great)\b[^\n]{0,120}?[:!.]\s*)?"
_ANNOUNCEMENT = r"\W{0,4}(?:here(?:'s|’s| is| are)|below is|the following is|this is)\b[^\n]{0,160}?:[ \t*]*\n+"
_LABEL = r"\W{0,4}(?:paraphrase|paraphrased (?:text|version)|rewritten (?:text|version|passage)|simplified version)\s*:[ \t*]*\n*"
_LEAD_IN = re.compile(rf"\A{_AGREEMENT}(?:{_ANNOUNCEMENT}|{_LABEL})", re.IGNORECASE)
BULLET = re.compile(r"^[ \t]*(?:[-*•–+]|\(?\d{1,3}[.)])[ \t]+(?=\S)")
HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+(.*\S)", re.MULTILINE)
_FENCE = re.compile(r"\A\s*```\w*\s*\n?(.*?)\n?```\s*\Z", re.DOTALL)
_MARKDOWN = re.compile(r"(?m)^[ \t]*#{1,6}[ \t]+|\*\*(?=\S)|(?<=\S)\*\*|^[ \t]*(?:[-*_][ \t]*){3,}$")


def without_lead_in(completion: str) -> str:
    """The completion without a lead-in and without white space at its ends."""
    text = completion.strip() + "\n"  # a lead-in that nothing follows is one too
    lead = _LEAD_IN.match(text)
    return text[lead.end() if lead else 0 :].strip()


def without_markdown(text: str) -> str:
    """The text without headings' marks, bold type and rules; bullets stay."""
    return re.sub(r"\n{3,}", "\n\n", _MARKDOWN.sub("", text)).strip()


def without_fence(text: str) -> str:
    """What stands inside a code fence, where the whole text is one."""
    fenced = _FENCE.match(text)
    return fenced.group(1) if fenced else text


def at_least(text: str, min_tokens: int, context: Context) -> Parsed:
    """The text as what was parsed, or the error that it is empty or under so many tokens."""
    if not text:
        return Parsed(error="parse:empty")
    if min_tokens and context.tokenizer.count([text])[0] < min_tokens:
        return Parsed(error="parse:too_short")
    return Parsed(text=text)
