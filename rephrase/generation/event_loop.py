"""Asynchronous work for callers that are not: in scripts, in Spark tasks, and in notebooks, whose own event loop runs already."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_to_end(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns or raises. Where an event loop runs in this thread, the work gets another, in a thread of its own.

    An interrupt of the caller cancels the work.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def cancellable() -> Result:
        task = asyncio.current_task()
        assert task is not None
        started.append((asyncio.get_running_loop(), task))
        return await work

    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(asyncio.run, cancellable()).result()
        except KeyboardInterrupt:  # else leaving the block would wait for the work
            for loop, task in started:
                loop.call_soon_threadsafe(task.cancel)
            raise


_runners: dict[int, asyncio.Runner] = {}  # by process: a fork must not share its parent's


def run_in_worker(work: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, in a loop that stays for the next call of this process, whose work is short: making one costs as much as that.

    What the work leaves running goes on with the next call; where it raises, the loop ends with all that runs in it.
    """
    process = os.getpid()
    if process not in _runners:
        _runners[process] = asyncio.Runner()
    runner = _runners[process]
    try:
        return runner.run(work, context=contextvars.copy_context())
    except BaseException:
        _runners.pop(process).close()
        raise
