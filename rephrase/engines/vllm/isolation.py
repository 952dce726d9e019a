"""Which of many requests kills the server: found in few rounds, as each costs a start of the server or keeps it half empty."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

from rephrase.engines.base import CRASH, Completion, Request
from rephrase.engines.client import DIED
from rephrase.errors import UserError

_GROUPS = 8  # of suspects, asked one after the other. With more there are more rounds, with fewer more deaths, which cost a minute on a GPU


@dataclass(slots=True, eq=False)
class _Suspect:
    request: Request
    answer: Completion | None = None


class Isolation:
    """Calls under which the server died twice. Lives in one event loop.

    All calls that wait are asked together while nothing else is on the server. Of those it dies under an eighth at a time is, down to one
    request: one under which it dies alone gets the error `engine_crash`, and all others get their completions. Among 512 requests one is
    found after 25 rounds and four deaths at most.
    """

    def __init__(
        self,
        alone: Callable[[Sequence[Sequence[Request]]], Awaitable[list[list[Completion]]]],
        prove: Callable[[], Awaitable[None]],
    ) -> None:
        """`alone` makes calls side by side with no others on the server.

        `prove` makes a call that harms no server, also alone, and raises a `UserError` where the server dies under it, so that no request
        is to blame.
        """
        self._alone, self._prove = alone, prove
        self._waiting: list[list[_Suspect]] = []
        self._turn = asyncio.Lock()
        self._failure: UserError | None = None

    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion per request, in order. Raises `UserError` where the server dies without one of them to blame."""
        call = [_Suspect(request) for request in requests]
        self._waiting.append(call)
        async with self._turn:
            if call in self._waiting and self._failure is None:
                try:
                    await self._prove()  # alone on the server: calls that died with this one wait here by then
                    calls, self._waiting = self._waiting, []
                    await self._ask(calls)
                except UserError as error:
                    self._failure = error
        if self._failure is not None:
            raise self._failure
        return [suspect.answer for suspect in call if suspect.answer is not None]

    async def _ask(self, calls: list[list[_Suspect]]) -> None:
        answers = await self._alone([[suspect.request for suspect in call] for call in calls])
        for call, its_answers in zip(calls, answers, strict=True):
            for suspect, answer in zip(call, its_answers, strict=True):
                suspect.answer = answer
        suspects = [suspect for call in calls for suspect in call]
        if len(suspects) > 1:
            for group in _groups(calls):
                await self._ask(group)
        elif _is_dead(suspects[0]):
            suspects[0].answer = replace(answers[0][0], error=CRASH)
            await self._prove()


def _is_dead(suspect: _Suspect) -> bool:
    return suspect.answer is not None and suspect.answer.error == DIED


def _groups(calls: list[list[_Suspect]]) -> list[list[list[_Suspect]]]:
    """Those without an answer, in at most eight groups of calls; what was in one call stays in one as far as its group holds it."""
    dead = [(number, suspect) for number, call in enumerate(calls) for suspect in call if _is_dead(suspect)]
    size = -(-len(dead) // _GROUPS)
    groups = [dead[at : at + size] for at in range(0, len(dead), max(size, 1))]
    return [[[suspect for _, suspect in call] for _, call in groupby(group, key=itemgetter(0))] for group in groups]
