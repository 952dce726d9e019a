"""The body of a call to an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from rephrase.engines.base import Request
from rephrase.engines.connection import Server

_BOUNDS = ("minLength", "maxLength", "pattern")  # of texts, by their names in JSON schemas


def body_of(
    server: Server, requests: Sequence[Request], prompts: Sequence[list[int] | None], *, token_ids: bool, seeds: bool
) -> tuple[dict[str, Any], str]:
    """The body of one call for some requests, and the resource that it goes to.

    `prompts` are token ids; without them there is one request, whose messages are sent. `token_ids`: ask for those of the completions.
    `seeds`: send the requests' seed.
    """
    first = requests[0]
    body = {"model": server.model, **first.sampling.fields()}
    if prompts[0] is not None:
        resource = "/completions"
        body["prompt"] = prompts
        if token_ids:
            body["return_token_ids"] = True
    elif first.messages[0].role == "text":
        resource, body["prompt"] = "/completions", first.messages[0].content
    else:
        resource = "/chat/completions"
        body["messages"] = [{"role": message.role, "content": message.content} for message in first.messages]
    if first.schema is not None:
        schema = orjson.loads(first.schema)
        if not server.bounds_texts:
            schema = _without_bounds(schema)
        # OpenAI holds answers to it in its strict mode alone, which takes schemas that leave nothing open.
        strict = {"strict": True} if schema.get("additionalProperties") is False else {}
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **strict}}
    if seeds and first.seed is not None:
        body["seed"] = first.seed
    body.update(server.extra_body)
    return {key: value for key, value in body.items() if value is not None}, resource


def _without_bounds(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_bounds(part) for name, part in schema.items() if name not in _BOUNDS or isinstance(part, dict)}
    return schema
