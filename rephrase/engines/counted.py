"""An engine whose requests are counted as they go and come: what is known of any engine, whoever answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from rephrase.engines.around import Around
from rephrase.engines.base import Completion, Engine, Request


@dataclass
class Counts:
    """The counts of one Python worker. Another thread may read them at any time."""

    in_flight: int = 0
    quiet_since: float | None = None
    """Unix time since which requests are in flight and none came back."""
    returned: int = 0
    tokens: int = 0
    """Written for what came back."""


class Counted(Around):
    """The engine itself; its counts go into an object of the caller's."""

    def __init__(self, engine: Engine, counts: Counts) -> None:
        super().__init__(engine)
        self._counts = counts

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        counts, number = self._counts, len(requests)
        if not counts.in_flight:
            counts.quiet_since = time.time()
        counts.in_flight += number
        completions: list[Completion] = []
        try:
            completions = await self._engine.complete(requests)
            return completions
        finally:
            counts.in_flight -= number
            counts.returned += len(completions)
            counts.tokens += sum(completion.completion_tokens for completion in completions)
            counts.quiet_since = time.time() if counts.in_flight else None
