"""What a server's refusal tells of the prompt: too long, or against its filter. Servers' words for it stand in `refusals.yaml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Literal

import yaml

Refusal = Literal["prompt_too_long", "content_filter"]
_ABOUT_US = {HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class _Rule:
    codes: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]


def refusal_of(status: int, message: str, codes: Collection[str], max_tokens: int = 0) -> Refusal | None:
    """What an error answer says of the prompt; None where it tells of anything else: a rate, the key, the server, a wrong field.

    `codes` are the error's codes and types in lower case, `max_tokens` the output that was asked for.

    >>> refusal_of(400, "prompt is too long: 213462 tokens > 200000 maximum", ())
    'prompt_too_long'
    >>> refusal_of(429, "Too many tokens, please wait before trying again.", ())
    """
    too_long, filtered, passing = _rules()
    if codes and too_long.codes.intersection(codes):
        return "prompt_too_long"
    if status in _ABOUT_US or passing.search(message) or passing.search(" ".join(codes)):
        return None
    if filtered.codes.intersection(codes) or any(pattern.search(message) for pattern in filtered.patterns):
        return "content_filter"
    matches = [match for pattern in too_long.patterns if (match := pattern.search(message))]
    limits = [int(limit.replace(",", "")) for match in matches if (limit := match.groupdict().get("limit"))]
    if matches:
        return None if any(max_tokens >= limit for limit in limits) else "prompt_too_long"
    return "prompt_too_long" if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else None  # a body of ours is a prompt


@functools.cache
def _rules() -> tuple[_Rule, _Rule, re.Pattern[str]]:
    table: dict[str, Any] = yaml.safe_load(files("rephrase.engines").joinpath("refusals.yaml").read_text(encoding="utf-8"))
    too_long, filtered = (
        _Rule(
            frozenset(table[refusal]["codes"]),
            tuple(re.compile(wording["pattern"], re.IGNORECASE) for wording in table[refusal]["wordings"]),
        )
        for refusal in ("prompt_too_long", "content_filter")
    )
    return too_long, filtered, re.compile("|".join(table["passing"]), re.IGNORECASE)
