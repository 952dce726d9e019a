"""Why an answer ended: servers' many words for it, sorted by `finish_reasons.yaml` into finished, cut, filtered and failed."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

from rephrase.engines.base import CONTENT_FILTER, Completion
from rephrase.engines.error_body import one_line

Ending = Literal["finished", "cut", "filtered", "failed"]
FAILED = "engine:failed"
UNKNOWN = "engine:unknown_finish_reason"

_ENDINGS: tuple[Ending, ...] = get_args(Ending)
_SEPARATORS = re.compile(r"[\W_]+")
_LONGEST = 60  # characters of a word that is shown


def ending_of(reason: Any) -> Ending | None:
    """What a server's word says of its answer; None for a word that nobody knows, for none, and for what is no word.

    >>> ending_of("MAX_TOKENS"), ending_of("eos_token"), ending_of("interrupted")
    ('cut', 'finished', None)
    """
    word = _word(reason)
    return None if word is None else _endings().get(_key(word))


def settled(completion: Completion) -> Completion:
    """The completion with "stop" or "length" for its server's word; with an error and no text where it has not even been cut.

    Where no reason is given, nobody knows that the text is whole: it counts as cut. The errors are `engine:content_filter`,
    `engine:failed` and `engine:unknown_finish_reason`, each with the word.
    """
    if completion.error is not None:
        return completion
    ending = ending_of(completion.finish_reason) if completion.finish_reason else "cut"
    if ending in ("finished", "cut"):
        reason = "stop" if ending == "finished" else "length"
        return completion if completion.finish_reason == reason else replace(completion, finish_reason=reason)
    code = {"filtered": CONTENT_FILTER, "failed": FAILED, None: UNKNOWN}[ending]
    word = _word(completion.finish_reason)
    shown = one_line(repr(completion.finish_reason) if word is None else word, _LONGEST)
    error = code if shown == "content_filter" else f"{code}: {shown}"
    return replace(completion, text="", finish_reason="error", error=error, reasoning=None)


def _word(reason: Any) -> str | None:
    if isinstance(reason, Mapping):  # SGLang's own API: {"type": "length", "length": 16}
        reason = reason.get("type")
    return reason if isinstance(reason, str) and reason.strip() else None


def _key(word: str) -> str:
    # Enumerations are sometimes sent with their class: FinishReason.MAX_TOKENS, FINISH_REASON_MAX_TOKENS.
    return _SEPARATORS.sub("", word.rpartition(".")[2]).casefold().removeprefix("finishreason")


@functools.cache
def _endings() -> dict[str, Ending]:
    servers = yaml.safe_load(files("rephrase.engines").joinpath("finish_reasons.yaml").read_text(encoding="utf-8"))
    # Last what is worst, should one server call cut what another calls finished.
    return {_key(word): ending for ending in _ENDINGS for server in servers for word in server.get(ending, ())}
