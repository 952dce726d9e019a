"""A steady load on an engine: as many requests in flight as a run keeps there, for as long as the clock runs."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from rephrase.engines.base import Completion, Engine, Request
from rephrase.engines.finish_reasons import settled

_WARM_UP = 120.0  # seconds after which the windows begin, though the first requests are not all answered


@dataclass
class Load:
    """What the answers have come to so far."""

    answers: int = 0
    tokens: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def count(self, completions: Sequence[Completion]) -> None:
        """Add some answers."""
        self.answers += len(completions)
        self.tokens += sum(completion.completion_tokens for completion in completions)
        self.errors.update(completion.error for completion in completions if completion.error)


async def steady_rates(
    engines: Sequence[Engine], requests: Sequence[Request], in_flight: int, seconds: float, windows: int
) -> tuple[list[float], Load]:
    """Output tokens a second in each of some windows of `seconds`, while `in_flight` requests are always there; and what was answered.

    Several engines share the requests: they are servers of one model, each on GPUs of its own, whose tokens are added up.
    The windows begin when as many requests have been answered as fit in at a time: before, all of them are read at once, and none ends.
    Tokens are those that the server counts as it writes them, or, where it does not tell, those of the answers.
    """
    load = Load()
    size = engines[0].batch_size
    batches = _batches(requests, min(size, in_flight))

    async def pump(engine: Engine) -> None:
        for batch in batches:
            load.count([settled(completion) for completion in await engine.complete(batch)])

    pumps = [asyncio.create_task(pump(engines[turn % len(engines)])) for turn in range(max(len(engines), in_flight // size))]
    try:
        latest = time.monotonic() + _WARM_UP
        while load.answers < in_flight and time.monotonic() < latest:
            await _pause(0.05, pumps)
        rates = []
        for _ in range(windows):
            before, begun = await _written(engines, load), time.monotonic()
            await _pause(seconds, pumps)
            after, ended = await _written(engines, load), time.monotonic()
            rates.append((after - before) / (ended - begun))
        return rates, load
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _written(engines: Sequence[Engine], load: Load) -> float:
    counts = [(await engine.figures()).generation_tokens for engine in engines]
    return load.tokens if None in counts else sum(count or 0.0 for count in counts)


async def _pause(seconds: float, pumps: Sequence[asyncio.Task[None]]) -> None:
    """Wait. Raises what a pump raises: they have no end."""
    done, _ = await asyncio.wait(pumps, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _batches(requests: Sequence[Request], size: int) -> Iterator[list[Request]]:
    """Batches of equal sampling and schema, in mixed order, without end. From the second time round, prompts begin with a number.

    Otherwise they would lie in the prefix cache, where a run finds nothing of them.
    """
    groups: dict[object, list[Request]] = {}
    for request in requests:
        groups.setdefault((request.sampling, request.schema), []).append(request)
    batches = [group[at : at + size] for group in groups.values() for at in range(0, len(group), size)]
    random.Random(0).shuffle(batches)
    yield from batches
    for lap in itertools.count(1):
        yield from ([_numbered(request, lap) for request in batch] for batch in batches)


def _numbered(request: Request, lap: int) -> Request:
    first, *others = request.messages
    return replace(request, messages=(replace(first, content=f"{lap}. {first.content}"), *others))
