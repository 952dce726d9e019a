"""Reasoning taken out of the text of a completion, into a field of its own."""

from __future__ import annotations

from dataclasses import replace

from rephrase.engines.base import Completion
from rephrase.text.reasoning import split_reasoning


def apart(completion: Completion, *, opened: bool | None) -> Completion:
    """The completion with its answer alone as text, and with what was cut off as reasoning, behind what its server has told of it.

    `opened` is as in `split_reasoning`.
    """
    text, reasoning = split_reasoning(completion.text, opened=opened)
    if reasoning is None:
        return completion if text == completion.text else replace(completion, text=text)
    told = completion.reasoning
    return replace(completion, text=text, reasoning=reasoning if told in (None, reasoning) else f"{told}\n\n{reasoning}")


def tokens_of(completion: Completion) -> int:
    """How many of the completion's tokens are reasoning: by the server's count, else by the share of the characters."""
    if completion.reasoning_tokens is not None:
        return min(completion.reasoning_tokens, completion.completion_tokens)
    characters = len(completion.reasoning or "")
    return round(completion.completion_tokens * characters / (characters + len(completion.text))) if characters else 0
