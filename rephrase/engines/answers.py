"""What an OpenAI-compatible server answers, read as the foreign data that it is: each choice becomes a completion, or tells why not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from rephrase.engines.base import Completion
from rephrase.engines.connection import CallError
from rephrase.engines.error_body import ErrorBody, read_error
from rephrase.engines.finish_reasons import ending_of, settled
from rephrase.text.foreign import without_surrogates

_REASONING = re.compile(r"think|reason|thought|analysis|summary", re.IGNORECASE)  # in the type of a part that is no answer
_REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")  # of a message, the plainest first
_REASONING_KEYS = ("text", "thinking", "reasoning", "content", "summary", "parts")  # of one of its parts
_DEEPEST = 6
_LARGEST_COUNT = 2**40  # tokens; a count above it is none
_NO_STATUS = int(HTTPStatus.BAD_GATEWAY)


class AnswerError(CallError):
    """An answer that came, and is no completion. Its message is the server's own, where it has one."""

    def __init__(self, message: str, error: ErrorBody | None = None) -> None:
        codes = error.codes if error else frozenset[str]()
        super().__init__((error.status if error else None) or _NO_STATUS, message, codes=codes)


def read_json(data: bytes, charset: str | None) -> Any:
    """The JSON value of a body; `charset` is what the server calls its encoding. Raises `AnswerError`.

    Python's own reader has the second try: it takes NaN, lone surrogates, a byte order mark and UTF-16.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        detected = json.detect_encoding(data)
    encoding = charset if charset and detected == "utf-8" and charset.lower() not in ("utf-8", "utf8") else detected
    try:
        return json.loads(data.decode(encoding, "replace" if encoding == "utf-8" else "strict"))
    except (ValueError, LookupError) as error:
        words = read_error(data.decode(errors="replace")).message
        raise AnswerError(f"the answer is not JSON: {words or 'it is empty'}") from error


def choices_of(answer: Any, count: int) -> list[Mapping[str, Any]]:
    """The choices of an answer to so many prompts, in the order of the prompts. Raises `AnswerError`."""
    if not isinstance(answer, Mapping):
        error = read_error(answer)
        raise AnswerError(f"the answer is not a JSON object: {error.message}", error)
    choices = answer.get("choices")
    if answer.get("error"):
        error = read_error(answer)
        raise AnswerError(error.message, error)
    if not isinstance(choices, list) or not choices:
        error = read_error(answer)
        raise AnswerError(f"the answer is not a list of completions: {error.message}", error)
    if not all(isinstance(choice, Mapping) for choice in choices):
        raise AnswerError("the answer is not a list of completions: a choice is no object")
    if len(choices) != count:
        raise AnswerError(f"the answer is not a list of completions: {len(choices)} choices for {count} prompts")
    if count == 1:
        return choices
    by_index = {_count(choice.get("index"), -1): choice for choice in choices}
    if set(by_index) != set(range(count)):  # which choice answers which prompt is anyone's guess
        raise AnswerError("the answer is not a list of completions: the choices do not count their indexes")
    return [by_index[number] for number in range(count)]


def token_ids_of(choice: Mapping[str, Any]) -> Sequence[Any] | None:
    """The token ids of a choice, where the server sends them."""
    ids = choice.get("token_ids")
    return ids if isinstance(ids, list) else None


def completion_of(choice: Mapping[str, Any], usage: Any, prompt_tokens: int | None = None) -> Completion:
    """The completion that a choice holds; reasoning that stands in its text is still there. Raises `AnswerError`.

    `usage` is the answer's, and counts the tokens where neither `prompt_tokens` nor the choice's token ids do.
    """
    if choice.get("error"):
        error = read_error({"error": choice["error"]})
        raise AnswerError(error.message, error)
    counts = usage if isinstance(usage, Mapping) else {}
    ids = token_ids_of(choice)
    text = _text_of(choice)
    completion = Completion(
        text=without_surrogates(text),
        finish_reason=_reason_of(choice),
        prompt_tokens=_count(counts.get("prompt_tokens")) if prompt_tokens is None else prompt_tokens,
        completion_tokens=_count(counts.get("completion_tokens")) if ids is None else len(ids),
        reasoning=without_surrogates(_reasoning_of(choice)).strip() or None,
        reasoning_tokens=_reasoning_tokens(counts) if ids is None else None,
    )
    if ending_of(completion.finish_reason) == "failed":
        raise AnswerError(f"the server broke its answer off: {completion.finish_reason}")
    return settled(completion)


def _reason_of(choice: Mapping[str, Any]) -> Any:
    """The reason that the choice gives, or the word behind it, where a gateway has made a `stop` of a worse one."""
    fields = choice.get("provider_specific_fields")
    behind = [choice.get("native_finish_reason"), fields.get("native_finish_reason") if isinstance(fields, Mapping) else None]
    worse = [reason for reason in behind if ending_of(reason) not in ("finished", None)]
    reason = choice.get("finish_reason")
    return worse[0] if worse and ending_of(reason) == "finished" else reason


def _text_of(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    if isinstance(message, Mapping):
        content = message.get("content", choice.get("text"))
        refusal = message.get("refusal")
        if not content and isinstance(refusal, str) and refusal.strip():
            raise AnswerError(refusal, ErrorBody(refusal, frozenset(["content_filter"])))
    elif "message" in choice or "text" in choice:
        content = choice.get("text") if message is None else message
    else:
        raise AnswerError(f"the answer is not a completion: a choice without message and text, {read_error(dict(choice)).message}")
    return _joined(content)


def _reasoning_of(choice: Mapping[str, Any]) -> str:
    """What the server tells of the model's reasoning beside its answer: in a field, or among the parts of the content."""
    message = choice.get("message")
    source = message if isinstance(message, Mapping) else choice
    fields = (_reasoning_text(source.get(name)) for name in _REASONING_FIELDS)
    content = source.get("content")
    if isinstance(content, Mapping):
        content = content.get("parts")
    parts = [part for part in content if isinstance(part, Mapping) and _is_reasoning(part)] if isinstance(content, list) else []
    return next((text for text in (*fields, _reasoning_text(parts)) if text.strip()), "")


def _reasoning_text(value: Any, depth: int = 0) -> str:
    """The words of a field of reasoning, whatever its shape; those that are encrypted are none."""
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return ""
    if isinstance(value, Mapping):
        return next((text for name in _REASONING_KEYS if (text := _reasoning_text(value.get(name), depth + 1))), "")
    return "".join(_reasoning_text(part, depth + 1) for part in value) if isinstance(value, list) else ""


def _is_reasoning(part: Mapping[str, Any]) -> bool:
    kind = part.get("type", "text")
    return (isinstance(kind, str) and bool(_REASONING.search(kind))) or part.get("thought") is True  # Gemini marks them so


def _reasoning_tokens(usage: Mapping[str, Any]) -> int | None:
    """How many of the tokens are reasoning, where the server counts them."""
    details = [usage.get(name) for name in ("completion_tokens_details", "output_tokens_details")]
    counts = [_count(source.get("reasoning_tokens"), -1) for source in (*details, usage) if isinstance(source, Mapping)]
    return next((count for count in counts if count >= 0), None)


def _joined(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping) and isinstance(content.get("parts"), list):  # Gemini's own API
        content = content["parts"]
    parts = content if isinstance(content, list) else [content]
    return "".join(_text_of_part(part) for part in parts)


def _text_of_part(part: Any) -> str:
    if part is None or isinstance(part, str):
        return part or ""
    if isinstance(part, Mapping) and isinstance(kind := part.get("type", "text"), str):
        if _is_reasoning(part):
            return ""
        if isinstance(refusal := part.get("refusal"), str) and refusal.strip():
            raise AnswerError(refusal, ErrorBody(refusal, frozenset(["content_filter"])))
        text = part.get("text", part.get("content"))
        if isinstance(text, Mapping):  # OpenAI's assistants
            text = text.get("value")
        if isinstance(text, str):
            return text
        if kind not in ("text", "output_text") or (text is None and "text" in part):  # a reference, a picture, a tool's call
            return ""
    raise AnswerError(f"the answer is not a completion: its content is no text: {read_error(part).message}")


def _count(value: Any, otherwise: int = 0) -> int:
    """A count as servers write it: a whole number, or its digits; else the other value."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_COUNT else otherwise
