"""How many requests a task keeps in flight: enough that the server's batch is full, whatever its size is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

FIRST = 512  # of four tasks a GPU, as many as vLLM takes at a time on the largest by default
_MOST = 4096  # each holds its prompt in memory; four tasks then fill the largest batch that makes sense four times
_GROWTH = 1.5
_INTERVAL = 5.0  # seconds between two looks at the queue, in which further requests reach it


class Filling:
    """The number of requests that a task keeps in flight: it grows as long as none of them waits for a place in the server's batch.

    No server tells how large its batch is, which follows from its device and arguments; that requests wait tells that it is full. Those
    that wait cost the server nothing but their prompts, so that the number never shrinks.
    """

    def __init__(self) -> None:
        self.limit = FIRST
        self._next_look = time.monotonic() + _INTERVAL

    async def look(self, has_queue: Callable[[], Awaitable[bool]]) -> None:
        """After a call was answered: ask the server whether requests wait, if it is time."""
        if self.limit == _MOST or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _INTERVAL
        if not await has_queue():
            self.limit = min(_MOST, int(self.limit * _GROWTH))
