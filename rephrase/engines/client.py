"""The HTTP client of OpenAI-compatible servers: batches of token ids where we have the tokenizer, chat messages where not."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from rephrase.engines.base import Completion, Request
from rephrase.errors import UserError

if TYPE_CHECKING:
    import aiohttp

    from rephrase.engines.prompts import ChatPrompter

Result = TypeVar("Result")
PROMPT_TOO_LONG = "prompt_too_long"
BAD_REQUEST = "engine:bad_request"
TIMEOUT = "engine:timeout"
UNAVAILABLE = "engine:unavailable"
DIED = "engine:died"

_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_NO_ANSWER = ("content_filter", "abort", "error")  # finish reasons; servers have many names for "stop"
_TOO_LONG = re.compile(r"context.{0,20}length|maximum context|prompt.{0,20}too long|longer than the (?:max|model)", re.IGNORECASE)
_FIRST_DELAY, _LONGEST_DELAY, _LONGEST_RETRY_AFTER = 0.5, 60.0, 300.0  # seconds
_CONNECT_TIMEOUT = 15.0  # seconds
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and what it is known to do.

    `url` ends with /v1; `unix_socket` replaces its host; `model` is the name that the server knows; `max_model_len` is in tokens,
    None if unknown; `counts_tokens` says whether it returns the token ids of each choice, None if that must be found out.
    `headers` and `extra_body` go with every request; a None in `extra_body` takes a field out.
    """

    url: str
    model: str
    unix_socket: str | None = None
    max_model_len: int | None = None
    counts_tokens: bool | None = None
    headers: tuple[tuple[str, str], ...] = ()
    extra_body: tuple[tuple[str, Any], ...] = ()
    key_name: str = ""


class CallError(Exception):
    """A call that got no completions. `status` is the HTTP status, 0 where the connection failed; `retry_after` is in seconds."""

    def __init__(self, status: int, message: str, *, retry_after: float = 0.0, timed_out: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after, self.timed_out = status, message, retry_after, timed_out

    @property
    def transient(self) -> bool:
        """Whether the same call may succeed later."""
        return not self.timed_out and (self.status == 0 or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _TRANSIENT)


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
        self._timeout, self._retries, self._seeds = request_timeout, retries, seeds
        self._died, self._queued = died, queued
        self._counts_tokens = server.counts_tokens
        self._probe = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._answered = False

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """See `Engine.complete`."""
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
        if self._session is not None:
            await self._session.close()
            self._session = None

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
                completions = self._parse(await self._post(resource, body), requests, prompts)
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

    async def _post(self, resource: str, body: dict[str, Any]) -> dict[str, Any]:
        import aiohttp

        if self._session is None:
            self._session = self._new_session()
        try:
            response, data = await self._in_time(self._exchange(self._session, resource, body))
        except TimeoutError as error:
            if isinstance(error, aiohttp.ServerTimeoutError):  # no connection in time
                raise CallError(0, "no connection in time") from error
            raise CallError(0, f"no answer within {self._timeout:g} s (request_timeout)", timed_out=True) from error
        except (aiohttp.ClientError, OSError) as error:
            raise CallError(0, f"{type(error).__name__} {error}") from error
        if response.status != HTTPStatus.OK:
            raise CallError(
                response.status, _message(data) or (response.reason or ""), retry_after=_retry_after(response.headers.get("Retry-After"))
            )
        try:
            answer = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise CallError(HTTPStatus.BAD_GATEWAY, "the answer is not JSON") from error
        if not isinstance(answer, dict):
            raise CallError(HTTPStatus.BAD_GATEWAY, "the answer is not a JSON object")
        return answer

    async def _exchange(self, session: aiohttp.ClientSession, resource: str, body: dict[str, Any]) -> tuple[aiohttp.ClientResponse, bytes]:
        async with session.post(self._server.url + resource, data=orjson.dumps(body)) as response:
            return response, await response.read()

    async def _in_time(self, exchange: Coroutine[Any, Any, Result]) -> Result:
        """Raises TimeoutError where there is no answer in time."""
        call = asyncio.create_task(exchange)
        try:
            while not (await asyncio.wait([call], timeout=self._timeout))[0]:
                if self._queued is None or not await self._queued():
                    raise TimeoutError
            return call.result()
        finally:
            call.cancel()

    def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp

        unix = self._server.unix_socket
        # The caller bounds what is in flight; a second bound here would only hide a queue from the server.
        connector: aiohttp.BaseConnector = aiohttp.UnixConnector(unix, limit=0) if unix else aiohttp.TCPConnector(limit=0)
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            headers={"Content-Type": "application/json", **dict(self._server.headers)},
            trust_env=not unix,
        )

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
            text=without_thinking(text or "", opened=opened),
            finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
            prompt_tokens=int(usage.get("prompt_tokens") or 0) if prompt is None else len(prompt),
            completion_tokens=int(usage.get("completion_tokens") or 0) if ids is None else len(ids),
        )
        if choice.get("finish_reason") in _NO_ANSWER:
            return replace(completion, text="", finish_reason="error", error=f"engine:{choice['finish_reason']}")
        return completion


def without_thinking(text: str, *, opened: bool | None) -> str:
    """The answer after a leading `<think>…</think>` block; empty if the block does not end.

    `opened`: whether the prompt itself ended with `<think>`, so that the text begins inside the block; None if nobody knows.
    """
    inside = bool(opened) or text.lstrip().startswith("<think>")
    reasoning, closed, answer = text.partition("</think>")
    if closed and (inside or (opened is None and "<think>" not in reasoning)):
        return answer.lstrip()
    return "" if inside else text


def _delay(attempt: int, failure: CallError) -> float:
    # Jitter, so that the many clients which one outage hit do not come back at once.
    return failure.retry_after + min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**attempt) * random.uniform(0.5, 1.5)


def _retry_after(value: str | None) -> float:
    """Seconds of a Retry-After header, which holds seconds or a date."""
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _message(data: bytes) -> str:
    """What a server says in the body of an error answer, in one line of at most 300 characters."""
    text: Any = data.decode(errors="replace")
    try:
        text = orjson.loads(data)
        for key in ("error", "message", "detail"):
            if isinstance(text, dict) and key in text:
                text = text[key]
    except orjson.JSONDecodeError:
        pass
    return " ".join(str(text).split())[:300]
