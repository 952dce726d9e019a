"""What a server may send: answers with damaged JSON, bodies, heads and streams, from a real HTTP server to the engine `endpoint`."""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import random
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
from aiohttp import web

from rephrase.engines import client
from rephrase.engines.base import Completion
from rephrase.engines.endpoint import Endpoint, EndpointSettings
from rephrase.engines.prompts import ChatPrompter
from rephrase.errors import UserError
from tests.fuzz.mutations import AWKWARD, bytes_like, text_like
from tests.rephrase.engines.scripted import ask, serving
from tests.tiny_model import make_tokenizer

_NAMES = ("amber", "birch", "cedar", "dune")  # no damage to one makes it another
_SIZE = len(_NAMES)  # requests that are asked together
_ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**31,
    2**63,
    10**40,
    1e308,
    float("inf"),
    float("nan"),
    "",
    " ",
    "\ud83d",
    "null",
    "stop",
]
_ODD += [
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    {"text": None},
    {"error": "overloaded"},
    {"type": "length"},
    {"parts": [7]},
    "x" * 100_000,
    "<think>",
]
_PAGES = [b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", b"<!DOCTYPE html>", b"", b"Service Unavailable"]
_PAGES += [b"null", b"[]", b"{}", b'"ok"', b"\xff\xfe{", b"\xef\xbb\xbf{}", b"data: [DONE]\n\n", b"[" * 50_000, b'{"choices":' * 2_000]
_STATUSES = [200, 201, 204, 302, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]
_TYPES = ["application/json", "text/html", "text/plain; charset=utf-16", "application/json; charset=latin-1", "text/event-stream", ""]


class Answers:
    """A damaged answer: its requests are completions that can be stored or errors, no text comes to another's row, others are untouched."""

    def __init__(self, folder: str) -> None:
        self._tokenizer = str(make_tokenizer(Path(folder)))
        self._requests = [ask(f"Request number {number}.", seed=number) for number in range(_SIZE)]
        prompter = ChatPrompter(self._tokenizer)
        self._marks = {str(prompter.token_ids(request.messages)): _mark(number) for number, request in enumerate(self._requests)}
        self._marks |= {request.messages[-1].content: _mark(number) for number, request in enumerate(self._requests)}
        self._loop = asyncio.new_event_loop()
        self._script: _Script | None = None
        self._serving = serving(lambda body, _: self._script.answer(body) if self._script else None)
        self._url = self._loop.run_until_complete(self._serving.__aenter__()).url

    def close(self) -> None:
        """Stop the server."""
        self._loop.run_until_complete(self._serving.__aexit__(None, None, None))
        self._loop.close()

    def __call__(self, dice: random.Random) -> None:
        batch = dice.random() < 0.5
        script = self._script = _Script(self._marks, dice, batch=batch)
        settings = EndpointSettings(kind="endpoint", url=self._url, model="m", retries=1, seeds=not batch, batch_size=_SIZE)
        settings = settings.model_copy(update={"tokenizer": self._tokenizer if batch else None})
        try:
            completions = self._loop.run_until_complete(self._completed(script, settings))
        except UserError:
            assert script.status == 401, "only a key that is refused ends the run"
            return
        assert len(completions) == _SIZE
        for number, completion in enumerate(completions):
            _check_sound(completion)
            others = {_mark(other) for other in range(_SIZE)} - {_mark(number)}
            assert not any(mark in completion.text for mark in others), "a text has come to another's row"
            if number != script.damaged and not batch:
                assert (completion.text, completion.error) == (f"So {_mark(number)}.", None), "a neighbour has changed"

    async def _completed(self, script: _Script, settings: EndpointSettings) -> list[Completion]:
        with patch.object(client, "_delay", lambda *_: 0.0):
            async with Endpoint(settings) as engine:
                [first] = await engine.complete(self._requests[:1])
                assert first.text == f"So {_mark(0)}."
                script.damages = True
                return await engine.complete(self._requests)


def _mark(number: int) -> str:
    return f"<<{_NAMES[number]}>>"


def _check_sound(completion: Completion) -> None:
    for text in (completion.text, completion.reasoning or "", completion.error or ""):
        text.encode()
    assert completion.finish_reason in ("stop", "length", "error")
    assert (completion.finish_reason == "error") == (completion.error is not None)
    assert completion.error is None or (not completion.text and "\n" not in completion.error and len(completion.error) < 1000)
    for count in (completion.prompt_tokens, completion.completion_tokens, completion.reasoning_tokens or 0):
        assert type(count) is int
        assert 0 <= count < 2**63
    orjson.dumps(completion)


class _Script:
    """Answers well, but for one answer; of a batch the first call, and some of those that follow it."""

    def __init__(self, marks: dict[str, str], dice: random.Random, *, batch: bool) -> None:
        self._marks, self._dice, self._batch = marks, dice, batch
        self.damages = False
        self.damaged = dice.randrange(_SIZE)
        self.status: int | None = None
        self._broken = dice.random() < 0.3  # the server does it again and again

    def answer(self, body: dict[str, Any]) -> Any:
        """What the server sends to a call with this body."""
        prompts = [str(prompt) for prompt in body["prompt"]] if "prompt" in body else [body["messages"][-1]["content"]]
        found = [self._marks[prompt] for prompt in prompts]
        answer = _answer(found, chat="prompt" not in body)
        mine = len(found) > 1 if self._batch else found == [_mark(self.damaged)]
        if self.damages and (mine or (self._batch and self._broken and self._dice.random() < 0.5)):
            self.damages = self._broken or self._batch
            return self._damage(answer)
        return answer

    def _damage(self, answer: dict[str, Any]) -> Any:
        dice = self._dice
        for _ in range(dice.choice([0, 1, 1, 2, 5])):
            answer = json_like(answer, dice)
        data = json.dumps(answer).encode("utf-8", "surrogatepass")
        kind = dice.choice(["json", "json", "json", "bytes", "cut", "page", "status", "stream", "head", "broken", "none"])
        if kind == "bytes":
            data = bytes_like(data, dice)
        elif kind == "cut":
            data = data[: dice.randrange(len(data) + 1)]
        elif kind == "page":
            data = dice.choice(_PAGES)
        elif kind == "stream":
            data = b"".join(b"data: " + piece + b"\n\n" for piece in [data] * dice.randint(1, 3)) + b"data: [DONE]\n\n"
        elif kind == "none":
            return None
        status = dice.choice(_STATUSES) if kind == "status" or (kind == "page" and dice.random() < 0.5) else 200
        self.status = 401 if 401 in (status, self.status) else status
        return _response(data, status, dice, kind)


def _response(data: bytes, status: int, dice: random.Random, kind: str) -> web.Response:
    headers = {"Content-Type": dice.choice(_TYPES) if kind in ("head", "page", "stream") else "application/json"}
    if kind == "head" and dice.random() < 0.5:
        headers["Content-Encoding"] = dice.choice(["gzip", "deflate", "br", "identity"])
        data = gzip.compress(data) if dice.random() < 0.5 else data
    if dice.random() < 0.1:
        headers["Retry-After"] = dice.choice(["0", "-1", "1e999", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "nan"])
    if status == 302:
        headers["Location"] = dice.choice(["/v1/elsewhere", "nowhere://", "http://[", ""])
    if kind == "broken":
        headers["Content-Length"] = str(len(data) + dice.randint(1, 1000))
    response = web.Response(body=data, status=status, headers=headers)
    response.force_close()  # a client that was promised more would wait for it
    return response


def _answer(marks: list[str], *, chat: bool) -> dict[str, Any]:
    choices = []
    for number, mark in enumerate(marks):
        text = f"So {mark}."
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text, "token_ids": [1, 2, 3]}
        choices.append({"index": number, "finish_reason": "stop", **said})
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 0}}
    return {"id": "a", "object": "completion", "choices": choices, "usage": usage}


def json_like(value: Any, dice: random.Random) -> Any:
    """The JSON value with one part replaced, left out, doubled, wrapped, or under another name."""
    changed = copy.deepcopy(value)
    places = list(_places(changed))
    if not places:
        return changed
    parent, key = dice.choice(places)
    kind = dice.choice(["odd", "odd", "out", "double", "wrap", "rename", "text", "index"])
    if kind == "odd":
        parent[key] = dice.choice(_ODD)
    elif kind == "out":
        del parent[key]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == "wrap":
        parent[key] = dice.choice([[parent[key]], {"text": parent[key]}, [[parent[key]], None]])
    elif kind == "rename" and isinstance(parent, dict):
        parent[f"{key}s"] = parent.pop(key)
    elif kind == "text" and isinstance(parent[key], str):
        parent[key] = text_like(parent[key], dice) if parent[key] else dice.choice(AWKWARD)
    elif kind == "index" and isinstance(changed.get("choices"), list) and changed["choices"] and isinstance(changed["choices"][0], dict):
        changed["choices"][0]["index"] = changed["choices"][-1].get("index") if isinstance(changed["choices"][-1], dict) else 0
    return changed


def _places(value: Any) -> Any:
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, inner in items:
        yield value, key
        yield from _places(inner)
