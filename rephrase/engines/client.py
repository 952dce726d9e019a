"""Completions from an OpenAI-compatible server: batches of token ids where we have the tokenizer, chat messages where not."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from rephrase.engines.base import Completion, Request
from rephrase.engines.connection import CallError, Connection, Server
from rephrase.errors import UserError
from rephrase.text.reasoning import without_reasoning

if TYPE_CHECKING:
    from rephrase.engines.prompts import ChatPrompter

PROMPT_TOO_LONG = "prompt_too_long"
BAD_REQUEST = "engine:bad_request"
TIMEOUT = "engine:timeout"
UNAVAILABLE = "engine:unavailable"
DIED = "engine:died"

_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_NO_ANSWER = ("content_filter", "abort", "error")  # finish reasons; servers have many names for "stop"
_TOO_LONG = re.compile(r"context.{0,20}length|maximum context|prompt.{0,20}too long|longer than the (?:max|model)", re.IGNORECASE)
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0  # seconds
_log = logging.getLogger(__name__)


class Client:
    """Completions from one server. Lives in one event loop."""

    def __init__(
        self,
        server: Server,
        prompter: ChatPrompter | None,
        *,
        request_timeout: float,
        retries: int,
        seeds: bool,
        died: Callable[[], Awaitable[bool]] | None = None,
        queued: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Without `prompter` chat messages are sent as text, one request a call.

        `request_timeout` is in seconds. `queued` is asked when they are over: as long as the server lets calls wait for others to end,
        this one has as many again. `died` is asked after each failure that may pass: where the server is gone, the call is not
        tried again and gets the error code `engine:died`. A call that fails `retries` times more gets `engine:unavailable`.
        `seeds`: send the requests' seeds, one request a call.
        """
        self._server, self._prompter = server, prompter
        self._connection = Connection(server, request_timeout, queued)
        self._retries, self._seeds, self._died = retries, seeds, died
        self._counts_tokens = server.counts_tokens
        self._probe = asyncio.Lock()
        self._answered = False

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order, as `Engine.complete` promises it."""
        prompts: list[list[int] | None] = [None] * len(requests)
        if self._prompter is not None:
            prompts = [self._prompter.token_ids(request.messages) for request in requests]
        done: dict[int, Completion] = {}
        fitting: list[int] = []
        for number, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            if prompt is not None and self._too_long(len(prompt), request.sampling.max_tokens):
                done[number] = Completion("", "error", len(prompt), error=PROMPT_TOO_LONG)
            else:
                fitting.append(number)
        answers = await self._answer([requests[n] for n in fitting], [prompts[n] for n in fitting])
        done.update(zip(fitting, answers, strict=True))
        return [done[number] for number in range(len(requests))]

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def _too_long(self, prompt_tokens: int, max_tokens: int) -> bool:
        limit = self._server.max_model_len
        if limit is not None and max_tokens >= limit:  # no prompt could ever fit
            raise UserError(
                f"the recipe asks for {max_tokens} output tokens, but the model's context has only {limit} for prompt and output",
                where=self._server.model,
                cure="raise the engine's max_model_len, or lower the recipe's sampling.max_tokens",
            )
        # A completion that is cut because the context ends is worth nothing, so the room is asked for in full.
        return limit is not None and prompt_tokens + max_tokens > limit

    async def _answer(self, requests: list[Request], prompts: list[list[int] | None]) -> list[Completion]:
        if not requests:
            return []
        seeded = self._seeds and any(request.seed is not None for request in requests)
        if len(requests) > 1 and not seeded and self._prompter is not None and self._counts_tokens is None:
            async with self._probe:
                first = await self._batch(requests[:1], prompts[:1]) if self._counts_tokens is None else []
            return first + await self._answer(requests[len(first) :], prompts[len(first) :])
        if len(requests) > 1 and (seeded or not self._counts_tokens):
            # A call has one seed, and without token ids one usage for all its choices.
            singles = (self._batch([request], [prompt]) for request, prompt in zip(requests, prompts, strict=True))
            return [completion for single in await asyncio.gather(*singles) for completion in single]
        return await self._batch(requests, prompts)

    async def _batch(self, requests: list[Request], prompts: list[list[int] | None]) -> list[Completion]:
        """Completions of one call, retried while that may help; a refused batch is taken apart."""
        attempt, guessed = 0, False
        while True:
            try:
                body, resource = self._body(requests, prompts)
                completions = self._parse(await self._connection.post(resource, body), requests, prompts)
            except CallError as failure:
                if failure.transient and self._died is not None and await self._died():
                    return [Completion("", "error", len(prompt or ()), error=DIED) for prompt in prompts]
                if failure.transient and attempt < self._retries:
                    await asyncio.sleep(_delay(attempt, failure))
                    attempt += 1
                    continue
                if len(requests) > 1 and failure.status in (*_REFUSED, HTTPStatus.INTERNAL_SERVER_ERROR):
                    singles = (self._batch([request], [prompt]) for request, prompt in zip(requests, prompts, strict=True))
                    return [completion for single in await asyncio.gather(*singles) for completion in single]
                if failure.status in _REFUSED and self._counts_tokens is None and "return_token_ids" in body:
                    self._counts_tokens, guessed = False, True  # perhaps it was that field which the server does not know
                    continue
                if guessed:  # it was the prompt; the next one finds out
                    self._counts_tokens = None
                return self._give_up(failure, prompts)
            else:
                self._answered = True
                return completions

    def _give_up(self, failure: CallError, prompts: list[list[int] | None]) -> list[Completion]:
        if failure.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            cure = f"set {self._server.key_name} on the driver and the executors (spark.executorEnv.{self._server.key_name})"
            raise UserError(f"the endpoint refuses access: {failure.message}", where=self._server.url, cure=cure)
        if failure.status == HTTPStatus.NOT_FOUND:
            raise UserError(
                f"the endpoint does not know the model `{self._server.model}` or the address: {failure.message}",
                where=self._server.url,
                cure="check `model`, and that `url` goes up to and with /v1",
            )
        if failure.status == 0 and not failure.timed_out and not self._answered and self._died is None:
            raise UserError(f"the endpoint does not answer: {failure.message}", where=self._server.url, cure="check `url` and the network")
        if failure.timed_out:
            error = TIMEOUT
        elif failure.status in _REFUSED and _TOO_LONG.search(failure.message):
            error = PROMPT_TOO_LONG
        elif failure.status in _REFUSED:
            error = f"{BAD_REQUEST}: {failure.message}"
        else:
            error = f"{UNAVAILABLE}: {failure.message}"
        _log.warning("%s gave no completion: HTTP %d %s", self._server.url, failure.status, failure.message)
        return [Completion("", "error", len(prompt or ()), error=error) for prompt in prompts]

    def _body(self, requests: list[Request], prompts: list[list[int] | None]) -> tuple[dict[str, Any], str]:
        first = requests[0]
        body = {"model": self._server.model, **first.sampling.fields()}
        if prompts[0] is not None:
            resource = "/completions"
            body["prompt"] = prompts
            if self._counts_tokens is not False:
                body["return_token_ids"] = True
        elif first.messages[0].role == "text":
            resource, body["prompt"] = "/completions", first.messages[0].content
        else:
            resource = "/chat/completions"
            body["messages"] = [{"role": message.role, "content": message.content} for message in first.messages]
        if first.schema is not None:
            schema = {"name": "answer", "schema": orjson.loads(first.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if self._seeds and first.seed is not None:
            body["seed"] = first.seed
        body.update(self._server.extra_body)
        return {key: value for key, value in body.items() if value is not None}, resource

    def _parse(self, answer: dict[str, Any], requests: list[Request], prompts: list[list[int] | None]) -> list[Completion]:
        try:
            choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
            usage = answer.get("usage") or {}
            if self._counts_tokens is None and prompts[0] is not None:
                self._counts_tokens = choices[0].get("token_ids") is not None
            completions = [
                self._completion(choice, usage, request, prompt) for choice, request, prompt in zip(choices, requests, prompts, strict=True)
            ]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CallError(HTTPStatus.BAD_GATEWAY, f"the answer is not a list of completions: {error!r}") from error
        return completions

    def _completion(self, choice: dict[str, Any], usage: dict[str, Any], request: Request, prompt: list[int] | None) -> Completion:
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        ids = choice.get("token_ids")
        opened = None if self._prompter is None else self._prompter.opens_thinking(request.messages)
        completion = Completion(
            text=without_reasoning(text or "", opened=opened),
            finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
            prompt_tokens=int(usage.get("prompt_tokens") or 0) if prompt is None else len(prompt),
            completion_tokens=int(usage.get("completion_tokens") or 0) if ids is None else len(ids),
        )
        if choice.get("finish_reason") in _NO_ANSWER:
            return replace(completion, text="", finish_reason="error", error=f"engine:{choice['finish_reason']}")
        return completion


def _delay(attempt: int, failure: CallError) -> float:
    # Jitter, so that the many clients which one outage hit do not come back at once.
    return failure.retry_after + min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**attempt) * random.uniform(0.5, 1.5)
