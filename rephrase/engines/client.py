"""Completions from an OpenAI-compatible server: batches of token ids where we have the tokenizer, chat messages where not."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rephrase.engines.answers import AnswerError, choices_of, completion_of, read_json, token_ids_of
from rephrase.engines.base import PROMPT_REFUSED, PROMPT_TOO_LONG, Completion, Message, Request, Sampling
from rephrase.engines.connection import CallError, Connection, Server
from rephrase.engines.error_body import one_line
from rephrase.engines.failed_call import REFUSED, error_of, no_answer, refuse_unusable, with_status
from rephrase.engines.outage import Outage
from rephrase.engines.reasoning import apart
from rephrase.engines.refusals import Refusal, refusal_of
from rephrase.engines.request_body import body_of
from rephrase.errors import UserError

if TYPE_CHECKING:
    from rephrase.engines.prompts import ChatPrompter

DIED = "engine:died"

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
        patience: float | None = None,
    ) -> None:
        """Without `prompter` chat messages are sent as text, one request a call.

        `request_timeout` is in seconds. `queued` is asked when they are over: as long as the server lets calls wait for others to end,
        this one has as many again. `died` is asked after each failure that may pass: where the server is gone, the call is not
        tried again and gets the error code `engine:died`. A call that fails `retries` times more gets `engine:unavailable`.
        `seeds`: send the requests' seeds, one request a call. A call that cannot connect is tried again, however often, and raises a
        `UserError` once nobody has connected for `patience` seconds; None counts these tries among the others.
        """
        self._server, self._prompter = server, prompter
        self._connection = Connection(server, request_timeout, queued)
        self._retries, self._seeds, self._died = retries, seeds, died
        self._counts_tokens = server.counts_tokens
        self._probe = asyncio.Lock()
        self._outage = Outage(patience)
        self._answered = False
        self._warned: set[str] = set()
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the last call got no completion, and what follows if that lasts; empty where it got some."""
        return self._trouble and f"{self._trouble}{self._outage}"

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order, as `Engine.complete` promises it."""
        prompts: list[list[int] | None] = [None] * len(requests)
        done: dict[int, Completion] = {}
        asked = list(requests)
        whole, less = [], []  # those with room for all tokens that are asked for, and those with enough
        for number, request in enumerate(requests):
            prompt = None if self._prompter is None else _prompt_of(self._prompter, request.messages)
            if isinstance(prompt, Completion):
                done[number] = prompt
                continue
            prompts[number] = prompt
            room = request.sampling.max_tokens if prompt is None else self._room(len(prompt), request.sampling)
            if prompt is not None and not room:
                done[number] = Completion("", "error", len(prompt), error=PROMPT_TOO_LONG)
            elif room == request.sampling.max_tokens:
                whole.append(number)
            else:
                asked[number] = replace(request, sampling=replace(request.sampling, max_tokens=room))
                less.append(number)
        for numbers, answers in (whole, self._answer), (less, self._one_by_one):
            done.update(zip(numbers, await answers([asked[n] for n in numbers], [prompts[n] for n in numbers]), strict=True))
        return [done[number] for number in range(len(requests))]

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def _room(self, prompt_tokens: int, sampling: Sampling) -> int:
        """How many tokens a completion may have behind so many of a prompt; 0 where those are too few."""
        limit, needed = self._server.max_model_len, sampling.needed_tokens
        if limit is not None and needed >= limit:  # no prompt could ever fit
            raise UserError(
                f"the recipe asks for {needed} output tokens, but the model's context has only {limit} for prompt and output",
                where=self._server.model,
                cure="raise the engine's max_model_len, or lower the recipe's sampling.max_tokens",
            )
        # A completion that is cut because the context ends is worth nothing: the room is asked for in full, unless a recipe says how little
        # of it is enough.
        room = sampling.max_tokens if limit is None else min(sampling.max_tokens, limit - prompt_tokens)
        return room if room >= needed else 0

    async def _answer(self, requests: list[Request], prompts: list[list[int] | None]) -> list[Completion]:
        if not requests:
            return []
        seeded = self._seeds and any(request.seed is not None for request in requests)
        if len(requests) > 1 and not seeded and self._prompter is not None and self._counts_tokens is None:
            async with self._probe:
                first = await self._batch(requests[:1], prompts[:1]) if self._counts_tokens is None else []
            return first + await self._answer(requests[len(first) :], prompts[len(first) :])
        if len(requests) > 1 and (seeded or not self._counts_tokens):
            return await self._one_by_one(requests, prompts)  # a call has one seed, and without token ids one usage for all its choices
        return await self._batch(requests, prompts)

    async def _batch(self, requests: list[Request], prompts: list[list[int] | None]) -> list[Completion]:
        """Completions of one call, retried while that may help; a refused batch is taken apart."""
        attempt, unreached, guessed = 0, 0, False
        while True:
            try:
                completions = await self._call(requests, prompts)
            except CallError as failure:
                self._trouble = with_status(failure, self._server)
                if await self._waits_for_connection(failure, unreached):
                    unreached += 1
                    continue
                refusal = self._refusal(failure, requests)
                transient = failure.transient and refusal is None
                if transient and self._died is not None and await self._died():
                    return [Completion("", "error", len(prompt or ()), error=DIED) for prompt in prompts]
                if len(requests) > 1 and (refusal or isinstance(failure, AnswerError)):
                    return await self._one_by_one(requests, prompts)
                if transient and attempt < self._retries:
                    await asyncio.sleep(_delay(attempt, failure))
                    attempt += 1
                    continue
                if len(requests) > 1 and failure.status in (*REFUSED, HTTPStatus.INTERNAL_SERVER_ERROR):
                    return await self._one_by_one(requests, prompts)
                if refusal is None and failure.status in REFUSED and self._counts_tokens is None and prompts[0] is not None:
                    self._counts_tokens, guessed = False, True  # perhaps it was `return_token_ids` which the server does not know
                    continue
                if guessed:  # it was the prompt; the next one finds out
                    self._counts_tokens = None
                return self._give_up(failure, refusal, prompts)
            self._answered, self._trouble = True, ""
            self._outage.end()
            broken = [number for number, completion in enumerate(completions) if completion is None]
            again = await self._one_by_one([requests[n] for n in broken], [prompts[n] for n in broken])
            answers = iter(again)
            return [next(answers) if completion is None else completion for completion in completions]

    async def _waits_for_connection(self, failure: CallError, tries: int) -> bool:
        """Whether a failed call is to be made again as it could not connect, after a while. Raises a `UserError` at the end of patience."""
        if not failure.unreached or self._outage.patience is None:
            if failure.status or failure.timed_out:
                self._outage.end()
            return False
        left = self._outage.begin()
        if self._connection.waiting:  # a busy server may take no more connections, and answer those that it has
            self._outage.end()
        elif left <= 0:
            raise no_answer(failure, self._server)
        await asyncio.sleep(min(_delay(tries, failure), max(left, _FIRST_DELAY)))
        return True

    async def _one_by_one(self, requests: list[Request], prompts: list[list[int] | None]) -> list[Completion]:
        if len(requests) == 1:
            return await self._batch(requests, prompts)
        pairs = zip(requests, prompts, strict=True)
        singles = [asyncio.create_task(self._batch([request], [prompt])) for request, prompt in pairs]
        try:
            return [completion for single in await asyncio.gather(*singles) for completion in single]
        finally:
            for single in singles:  # where one of them ends the run, the others ask for nothing more
                single.cancel()

    async def _call(self, requests: list[Request], prompts: list[list[int] | None]) -> list[Completion | None]:
        """One completion per request; None for one of several whose choice is broken. Raises `CallError` for whatever the server sends."""
        body, resource = body_of(self._server, requests, prompts, token_ids=self._counts_tokens is not False, seeds=self._seeds)
        opened = [None if self._prompter is None else self._prompter.opens_thinking(request.messages) for request in requests]
        held = requests[0].schema is not None
        try:
            answer = read_json(*await self._connection.post(resource, body))
            choices = choices_of(answer, len(requests))
            if self._counts_tokens is None and prompts[0] is not None:
                self._counts_tokens = token_ids_of(choices[0]) is not None
            return [
                self._read(choice, answer.get("usage"), prompt, inside, held=held, alone=len(requests) == 1)
                for choice, prompt, inside in zip(choices, prompts, opened, strict=True)
            ]
        except CallError:
            raise
        except Exception as error:  # a server is foreign: nothing that it sends may end a run
            raise AnswerError(f"the answer cannot be read: {error!r}") from error

    @staticmethod
    def _read(
        choice: Mapping[str, Any], usage: Any, prompt: list[int] | None, opened: bool | None, *, held: bool, alone: bool
    ) -> Completion | None:
        try:
            completion = completion_of(choice, usage, None if prompt is None else len(prompt))
        except AnswerError:
            if alone:
                raise
            return None
        if held and completion.text.lstrip().startswith("{"):  # a schema holds from the first token on, also where thinking was begun
            return completion
        return apart(completion, opened=opened)

    @staticmethod
    def _refusal(failure: CallError, requests: list[Request]) -> Refusal | None:
        return None if failure.timed_out else refusal_of(failure.status, failure.message, failure.codes, requests[0].sampling.max_tokens)

    def _give_up(self, failure: CallError, refusal: Refusal | None, prompts: list[list[int] | None]) -> list[Completion]:
        if refusal is None:
            refuse_unusable(failure, self._server, answered=self._answered)
            if failure.status == 0 and not failure.timed_out and not self._answered and self._died is None:
                raise no_answer(failure, self._server)
        error = error_of(failure, refusal, self._server)
        self._warn(with_status(failure, self._server))
        return [Completion("", "error", len(prompt or ()), error=error) for prompt in prompts]

    def _warn(self, reason: str) -> None:
        """Log why a call failed, once for each reason: where a server is gone, hundreds fail at once."""
        if reason not in self._warned:
            self._warned.add(reason)
            _log.warning("%s gave no completion: %s", self._server.url, reason)


def _prompt_of(prompter: ChatPrompter, messages: Sequence[Message]) -> list[int] | Completion:
    """The token ids of a prompt; or the error that the template or the tokenizer does not take it, which costs no other prompt."""
    from rephrase.engines.prompts import PromptError

    try:
        return prompter.token_ids(messages)
    except PromptError as error:
        return Completion("", "error", error=f"{PROMPT_REFUSED}: {one_line(str(error))}")


def _delay(attempt: int, failure: CallError) -> float:
    # Jitter, so that the many clients which one outage hit do not come back at once.
    return failure.retry_after + min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**attempt) * random.uniform(0.5, 1.5)
