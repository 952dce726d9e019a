"""Asynchronous work with and without an event loop of the caller's."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from rephrase.errors import UserError
from rephrase.generation.event_loop import run_in_worker, run_to_end


async def thread_of_work() -> int:
    return threading.get_ident()


def test_without_a_loop_the_work_stays_in_this_thread() -> None:
    assert run_to_end(thread_of_work()) == threading.get_ident()


def test_beside_a_loop_the_work_has_a_thread_of_its_own_and_its_errors_arrive() -> None:
    async def failing() -> None:
        raise UserError("the engine is gone")

    async def notebook() -> None:
        assert run_to_end(thread_of_work()) != threading.get_ident()
        run_to_end(failing())

    with pytest.raises(UserError, match="the engine is gone"):
        asyncio.run(notebook())


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Python's own handler, which a process that was started in the background of a shell does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_beside_a_loop_cancels_the_work(interruptible: None) -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        await asyncio.sleep(0.2)  # until the caller waits
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(500)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def notebook() -> None:
        run_to_end(endless())

    loop = asyncio.new_event_loop()  # `asyncio.run` has a handler of its own for interrupts, and a notebook's kernel has none
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(notebook())
    loop.close()
    assert cancelled.is_set()


def test_a_worker_keeps_its_loop_until_work_fails() -> None:
    async def loop_of_work() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    left: list[asyncio.Task[None]] = []

    async def failing() -> None:
        left.append(asyncio.create_task(asyncio.sleep(500)))
        await asyncio.sleep(0)
        raise UserError("the engine is gone")

    first = run_in_worker(loop_of_work())
    assert run_in_worker(loop_of_work()) is first
    with pytest.raises(UserError, match="the engine is gone"):
        run_in_worker(failing())
    assert first.is_closed()
    assert left[0].cancelled()
    assert not run_in_worker(loop_of_work()).is_closed()
