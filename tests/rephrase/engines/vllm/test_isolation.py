"""How the requests are found that kill a server: with an engine whose deaths are scripted, as only their number matters."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rephrase.engines.base import Completion, Message, Request, Sampling
from rephrase.engines.client import DIED
from rephrase.engines.vllm.isolation import Isolation
from rephrase.errors import UserError


class Mortal:
    """Answers what it is asked, but for some requests: of a round with one of these it answers what is shorter than the first of them."""

    def __init__(self, killers: set[str], *, breaks_after: int | None = None) -> None:
        self.killers, self.breaks_after = killers, breaks_after
        self.rounds: list[list[str]] = []
        self.deaths = 0

    async def alone(self, calls):
        await asyncio.sleep(0)
        asked = [text_of(request) for call in calls for request in call]
        self.rounds.append(asked)
        fatal = [text for text in asked if text in self.killers]
        self.deaths += bool(fatal)
        return [[Completion("", "error", error=DIED) if fatal and text_of(r) >= min(fatal) else answer(r) for r in call] for call in calls]

    async def prove(self):
        await asyncio.sleep(0)
        if self.breaks_after is not None and self.deaths >= self.breaks_after:
            raise UserError("it dies under any request")


def text_of(request: Request) -> str:
    return request.messages[0].content


def answer(request: Request) -> Completion:
    return Completion(f"answer to {text_of(request)}")


def calls_of(count: int, size: int) -> list[list[Request]]:
    requests = [Request((Message("user", f"{number:04d}"),), Sampling()) for number in range(count)]
    return [requests[at : at + size] for at in range(0, count, size)]


async def ask(isolation: Isolation, calls: list[list[Request]]) -> list[Completion]:
    answers = await asyncio.gather(*(isolation.complete(call) for call in calls), return_exceptions=True)
    assert [len(one) for one in answers if isinstance(one, list)] == [len(call) for call in calls]
    return [completion for one in answers for completion in one]


@given(killers=st.sets(st.integers(0, 99), max_size=4), size=st.integers(1, 17))
def test_each_request_that_kills_is_found_and_all_others_are_answered(killers, size):
    calls = calls_of(100, size)
    engine = Mortal({f"{number:04d}" for number in killers})
    answers = asyncio.run(ask(Isolation(engine.alone, engine.prove), calls))
    errors = {number for number, completion in enumerate(answers) if completion.error == "engine_crash"}
    assert errors == killers
    others = [request for call in calls for request in call if int(text_of(request)) not in killers]
    assert [completion for completion in answers if completion.error is None] == [answer(request) for request in others]
    assert all([killer] in engine.rounds for killer in engine.killers), "none is blamed that was not alone"


@pytest.mark.parametrize("killer", [0, 17, 511])
def test_one_in_a_full_engine_is_found_in_few_rounds_and_fewer_deaths(killer):
    engine = Mortal({f"{killer:04d}"})
    asyncio.run(ask(Isolation(engine.alone, engine.prove), calls_of(512, 16)))
    assert len(engine.rounds) <= 25
    assert engine.deaths <= 4


@pytest.mark.parametrize("breaks_after", [0, 2])
def test_where_the_server_dies_under_anything_all_who_wait_are_told(breaks_after):
    engine = Mortal({"0003"}, breaks_after=breaks_after)
    isolation = Isolation(engine.alone, engine.prove)

    async def run():
        return await asyncio.gather(*(isolation.complete(call) for call in calls_of(8, 2)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(run())] == ["it dies under any request"] * 4
