"""A server that goes away amid a run: however few requests are in flight, it is waited for as long, and none of them is lost."""

from __future__ import annotations

import asyncio
import socket
import time
from unittest.mock import patch

import pytest

from rephrase.engines import client as client_module
from rephrase.engines.endpoint import Endpoint, EndpointSettings
from rephrase.errors import UserError
from tests.rephrase.engines.scripted import ask, choices, error, serving

PATIENCE = 0.6  # seconds


@pytest.fixture(autouse=True)
def quick():
    with patch.object(client_module, "_FIRST_DELAY", 0.02):
        yield


def engine_at(url: str, **settings) -> Endpoint:
    return Endpoint(EndpointSettings(**{"kind": "endpoint", "url": url, "model": "m", "outage_timeout": PATIENCE, **settings}))


async def one_by_one(engine: Endpoint, number: int, at_once: int) -> list[str]:
    """The texts of all requests, so many of which are in flight at a time."""
    free = asyncio.Semaphore(at_once)

    async def one(of: int) -> str:
        async with free:
            [completion] = await engine.complete([ask(f"request {of}")])
            assert completion.error is None
            return completion.text

    return list(await asyncio.gather(*map(one, range(number))))


@pytest.mark.parametrize(("at_once", "retries"), [(1, 6), (2, 0), (8, 6)])
def test_a_server_that_has_gone_is_given_up_after_the_same_time_by_few_requests_and_by_many(at_once, retries):
    async def run() -> None:
        async with serving(lambda *_: choices(["fine"])) as server:
            engine = engine_at(server.url, retries=retries)
            assert await one_by_one(engine, 8, at_once) == ["fine"] * 8
        port = server.url.split(":")[2].removesuffix("/v1")
        async with engine:
            began = time.monotonic()
            asking = asyncio.create_task(one_by_one(engine, 8, at_once))
            await asyncio.sleep(PATIENCE / 2)
            assert engine.place.endswith(f"(cannot connect to 127.0.0.1:{port}: Connection refused; gives up after {PATIENCE:g} s)")
            with pytest.raises(UserError, match=r"does not answer: cannot connect to .*Connection refused \(start it, or check `url`"):
                await asking
            assert PATIENCE <= time.monotonic() - began < 3 * PATIENCE

    asyncio.run(run())


def test_a_server_that_comes_back_in_time_costs_no_request():
    async def run() -> None:
        async with serving(lambda *_: choices(["fine"])) as server:
            engine = engine_at(server.url, retries=0, outage_timeout=20)
            assert await one_by_one(engine, 1, 1) == ["fine"]
        async with engine:
            asking = asyncio.create_task(one_by_one(engine, 4, 2))
            await asyncio.sleep(0.3)
            assert not asking.done()
            port = int(server.url.split(":")[2].removesuffix("/v1"))
            async with serving(lambda *_: choices(["back"]), port=port):
                assert await asking == ["back"] * 4
            assert engine.trouble == ""

    asyncio.run(run())


def test_a_busy_server_is_not_given_up():
    async def run() -> None:
        async with serving(lambda *_: error(503, "busy", **{"Retry-After": "0.1"})) as server, engine_at(server.url, retries=3) as engine:
            began = time.monotonic()
            [completion] = await engine.complete([ask()])
            assert time.monotonic() - began > 0.3
            assert (completion.error, engine.place) == ("engine:unavailable: busy", f"{server.url} (HTTP 503 busy)")

    asyncio.run(run())


def test_a_slow_server_that_takes_no_more_connections_is_not_given_up():
    """As a server does whose queue of connections is full."""

    async def run() -> None:
        released = asyncio.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        answer = b'{"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "late"}}]}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode()

        async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            writer.write(head + answer)
            writer.close()

        server = await asyncio.start_server(slow, sock=listener)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        async with engine_at(url, seeds=True) as engine:
            first = asyncio.create_task(engine.complete([ask("first")]))
            await asyncio.sleep(0.2)
            server.close()  # it listens no more, and keeps what it has
            second = asyncio.create_task(engine.complete([ask("second")]))
            await asyncio.sleep(2 * PATIENCE)
            assert not second.done()
            assert "gives up" not in engine.place
            released.set()
            assert [completion.text for completion in await first] == ["late"]
            with pytest.raises(UserError, match="the endpoint does not answer"):
                await second

    asyncio.run(run())
