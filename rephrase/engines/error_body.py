"""What a server says in an answer that is no completion: its own words, in whatever shape it sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_WORDS = ["error", "errors", "message", "msg", "detail", "error_message", "errormessage", "error_msg", "raw", "metadata"]
_WORDS += ["innererror", "fault", "faultstring"]
_CODES = ("code", "type", "status", "error_type", "error_code", "__type")
_DEEPEST, _WIDEST = 6, 8  # of what is looked through
_LOOKED_AT, _SHOWN = 4000, 300  # characters of a message that is sorted, and of one that is shown
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error as a server tells it: its words in one line, codes and types in lower case, and an HTTP status that it names itself."""

    message: str
    codes: frozenset[str] = frozenset()
    status: int | None = None


def read_error(body: Any) -> ErrorBody:
    """What a body says: text, or the JSON values of it. Words are looked for where servers put them, else the body is its own message."""
    words: list[str] = []
    codes: list[Any] = []
    for kind, value in _parts(body, 0):
        if kind == "code":
            codes.append(value)
        elif value and not any(value in earlier for earlier in words):
            words.append(value)
    named = [int(code) for code in codes if _is_status(code)]
    message = "; ".join(words) or _text(body)
    return ErrorBody(one_line(message, _LOOKED_AT), frozenset(str(code).lower() for code in codes), named[0] if named else None)


def one_line(text: str, longest: int = _SHOWN) -> str:
    """Text that may stand in a row and on a terminal: printable characters and single spaces, at most so many."""
    text = text[: 20 * longest]
    if text.lstrip().startswith("<"):
        title = _TITLE.search(text)
        text = title.group(1) if title else _TAG.sub(" ", text)
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:longest]


def _parts(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        inner = _json(value)
        if inner is None:
            yield "words", one_line(value, _LOOKED_AT)
        else:
            yield from _parts(inner, depth + 1)
    elif isinstance(value, Mapping):
        lowered = {str(key).lower(): item for key, item in value.items()}
        yield from (("code", lowered[name]) for name in _CODES if isinstance(lowered.get(name), str | int))
        for name in _WORDS:
            if name in lowered:
                yield from _parts(lowered[name], depth + 1)
    elif isinstance(value, Sequence):
        for item in value[:_WIDEST]:
            if isinstance(item, Mapping) or depth:  # a bare list of strings is no message
                yield from _parts(item, depth + 1)


def _json(text: str) -> Any:
    """The object or list that a gateway quotes as text; None where it is plain words."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _is_status(code: Any) -> bool:
    return not isinstance(code, bool) and str(code).isascii() and str(code).isdigit() and 400 <= int(str(code)[:4]) <= 599


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
