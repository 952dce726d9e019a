"""What our side of a request over HTTP costs: `generate` and the real client, asking a server that answers at once.

    python bench/client.py [--requests 20000] [--tokens 200]

The server is a process of its own that speaks as little HTTP as a client needs and answers as vLLM does: a text of `--tokens` tokens with
their ids and those of the prompt. What counts is the processor time of the client's process: passages, prompts, the chat template, token
ids, calls, answers, parsing, rows, Parquet. First as the engine `vllm` asks a server beside it: token ids over a socket, a call a request,
as each has a seed; then as the engine `endpoint` asks one elsewhere: chat messages over TCP. The last line is `client R requests/s a core`,
the slower of both.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from typing_extensions import override

ROOT = Path(__file__).resolve().parent.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT / "bench"))]  # a library is called `catalogue`, too

from bench.overhead import ROWS_A_UNIT, WORDS, write_documents  # noqa: E402  # behind the path
from rephrase.engines.base import Completion, Engine, Identity, Request  # noqa: E402  # as above
from rephrase.engines.client import Client  # noqa: E402  # as above
from rephrase.engines.connection import Server  # noqa: E402  # as above
from rephrase.engines.endpoint import Endpoint, EndpointSettings  # noqa: E402  # as above
from rephrase.engines.prompts import ChatPrompter  # noqa: E402  # as above

TOKENIZER = str(ROOT / "examples" / "tokenizer.json")
# Qwen's, in short.
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Instant(asyncio.Protocol):
    """The server's side of a connection."""

    def __init__(self, tokens: int) -> None:
        self._data = b""
        self._text = " ".join(random.Random(0).choices(WORDS, k=tokens)).capitalize()
        self._ids = list(range(tokens))

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._data, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < size:
                return
            body, self._data = self._data[end + 4 : size], self._data[size:]
            answer = self._answer(orjson.loads(body))
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(answer)}\r\ncontent-type: application/json\r\n\r\n"
            self._transport.write(head.encode() + answer)  # type: ignore[attr-defined]  # of a connection it is one that writes

    def _answer(self, body: dict[str, list[list[int]]]) -> bytes:
        about: dict[str, Any] = {"finish_reason": "stop", "logprobs": None, "stop_reason": None}
        if prompts := body.get("prompt"):
            texts = {"text": self._text, "token_ids": self._ids}
            choices = [{"index": n, **texts, "prompt_token_ids": prompt, **about} for n, prompt in enumerate(prompts)]
        else:
            choices = [{"index": 0, "message": {"role": "assistant", "content": self._text}, **about}]
        usage = {"prompt_tokens": 150, "completion_tokens": len(self._ids), "total_tokens": 150 + len(self._ids)}
        return orjson.dumps({"id": "cmpl-1", "object": "text_completion", "created": 1, "choices": choices, "usage": usage})


async def serve(socket: str, tokens: int) -> None:
    """Serve on a socket and on a TCP port, which is printed."""
    loop = asyncio.get_running_loop()
    await loop.create_unix_server(lambda: Instant(tokens), socket)
    server = await loop.create_server(lambda: Instant(tokens), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Beside(Engine):
    """Asks as the engine `vllm` does once its server runs."""

    model, batch_size, concurrency = "instant", 16, 512
    identity = Identity("instant")

    def __init__(self, socket: str) -> None:
        server = Server("http://localhost/v1", "instant", unix_socket=socket, max_model_len=4096, counts_tokens=True)
        prompter = ChatPrompter(TOKENIZER, chat_template=TEMPLATE)
        self._client = Client(server, prompter, request_timeout=600, retries=6, seeds=True)

    @override
    async def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return await self._client.complete(requests)

    @override
    async def close(self) -> None:
        await self._client.close()


def cost(folder: Path, engine: type[Engine] | None, address: str, requests: int) -> float:
    """Seconds of processor time that a request takes."""
    from rephrase.generation.loop import generate
    from rephrase.generation.rows import rows_of
    from rephrase.generation.step_run import StepRun
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.recipes.use import RecipeUse
    from rephrase.storage import tables
    from rephrase.text.tokenizer import Tokenizer

    [path] = tables.objects(str(folder / "documents"))
    [recipe] = recipes_of([RecipeUse(use="wrap/medium")])
    step_run = StepRun(recipe, recipe.steps[0], Tokenizer.load(TOKENIZER), "instant")

    async def answered() -> int:
        settings = EndpointSettings(kind="endpoint", url=address, model="instant", concurrency=512)
        rows = 0
        async with Beside(address) if engine is Beside else Endpoint(settings) as asked:
            for group in tables.read_row_groups(path):
                table, tally = await generate(rows_of(group, {}), step_run, asked)
                if tally.errors:
                    sys.exit(f"{tally.errors} errors: {dict(tally.causes)}")
                tables.encode(table, tally.note())
                rows += table.num_rows
        return rows

    started = time.process_time()
    rows = asyncio.run(answered())
    if rows != requests:
        sys.exit(f"{rows} rows for {requests} requests")
    return (time.process_time() - started) / rows


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--tokens", type=int, default=200, help="of an answer")
    parser.add_argument("--serve", metavar="SOCKET", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve, options.tokens))
    with tempfile.TemporaryDirectory(prefix="client-") as name:
        folder = Path(name)
        write_documents(folder, options.requests, ROWS_A_UNIT)
        write_documents(folder / "few", 50, ROWS_A_UNIT)
        socket = str(folder / "socket")
        command = [sys.executable, __file__, "--serve", socket, "--tokens", str(options.tokens)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
                slowest = 0.0
                for kind, engine, address in ("vllm", Beside, socket), ("endpoint", None, url):
                    cost(folder / "few", engine, address, 50)  # imports
                    seconds = cost(folder, engine, address, options.requests)
                    print(f"{kind:<10} {seconds * 1e6:8.0f} us of processor time a request", flush=True)
                    slowest = max(slowest, seconds)
            finally:
                server.terminate()
    print(f"client {1 / slowest:.0f} requests/s a core")


if __name__ == "__main__":
    main()
