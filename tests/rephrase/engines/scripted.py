"""A server that answers as a test says, and the engine `endpoint` asking it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from threading import Thread
from unittest.mock import patch

from aiohttp import web

from rephrase.engines import client
from rephrase.engines.base import Completion, Message, Request, Sampling
from rephrase.engines.endpoint import Endpoint, EndpointSettings

SAMPLING = Sampling(max_tokens=8, temperature=0.7)
Answer = dict | web.Response | None


@dataclass
class Misbehaving:
    """A real server on a free port: answers come from `behave(body, call)`, calls are kept. None: the connection breaks."""

    behave: Callable[[dict, int], Answer | Awaitable[Answer]]
    calls: list[tuple[str, dict, dict]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.calls.append((request.path, body, dict(request.headers)))
        answer = self.behave(body, len(self.calls))
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer is None:
            request.transport.abort()
            return web.Response()
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


@asynccontextmanager
async def serving(behave, port: int = 0):
    server = Misbehaving(behave)
    app = web.Application()
    app.router.add_post("/v1/{tail:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


@contextmanager
def serving_thread(behave, port: int = 0) -> Iterator[str]:
    """The same server in a thread of its own, for callers without an event loop; its URL."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    manager = serving(behave, port)
    server = asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result()
    try:
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(manager.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def ask(text: str = "The tide", **fields) -> Request:
    return Request((Message("user", text),), fields.pop("sampling", SAMPLING), **fields)


def choices(texts: Sequence[str], token_ids: bool = True, **more) -> dict:
    made = [
        {"index": i, "text": t, "finish_reason": "stop"} | ({"token_ids": [1] * len(t)} if token_ids else {}) for i, t in enumerate(texts)
    ]
    return {"choices": list(reversed(made)), "usage": {"prompt_tokens": 99, "completion_tokens": sum(map(len, texts))}, **more}


def echo(body: dict, _call: int = 0, token_ids: bool = True) -> dict:
    return choices(["x" * len(prompt) for prompt in body["prompt"]], token_ids)


def error(status: int, message: str, **headers: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


def complete(behave, requests: Sequence[Request], **config) -> tuple[list[Completion], Misbehaving]:
    async def run() -> tuple[list[Completion], Misbehaving]:
        async with serving(behave) as server:
            settings = {"kind": "endpoint", "url": server.url, "model": "m", "retries": 3} | config
            async with Endpoint(EndpointSettings(**settings)) as engine:
                return await engine.complete(requests), server

    with patch.object(client, "_FIRST_DELAY", 0.01):
        return asyncio.run(run())
