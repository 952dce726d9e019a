"""What kills of a rewrite cost: how many requests of an endpoint are asked twice, and how long a new start takes to ask the first one.

    python -m tests.kill_cost --documents 900 --every 20

An endpoint in a process of its own counts for each request (by its messages and its seed) how often it arrived, and whether its answer was
delivered in full. `rephrase rewrite` runs in a process group that gets SIGKILL so many seconds after its first request, again and again
until the work is done. What was delivered and is asked again was answered and lost; what is asked again without having been delivered was
in flight. The last line is `asked twice R %`. A module of another checkout is measured with its folder in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from bisect import bisect
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TOKENIZER = Path(__file__).parent.parent / "examples" / "tokenizer.json"
_PATIENCE = 180.0  # seconds for the first request of a start
_DYING = 3.0  # seconds in which Python workers, which have process groups of their own, still ask for something
TEXT = "The tide rises twice a day because the Moon pulls the sea. Sailors wait for it in the harbour of {n}. "


@dataclass
class Figures:
    """What an endpoint has seen. Times are Unix seconds of arrivals, in order."""

    requests: int = 0
    different: int = 0
    answered_again: int = 0
    in_flight_again: int = 0
    arrivals: list[float] = field(default_factory=list)


def serve(latency: tuple[float, float]) -> None:
    """Serve until the process is killed; print the port first."""
    from aiohttp import web

    figures, arrived, delivered = Figures(), Counter[str](), set[str]()

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        key = json.dumps([body["messages"], body.get("seed")])
        figures.requests += 1
        figures.arrivals.append(time.time())
        if arrived[key]:
            figures.answered_again += key in delivered
            figures.in_flight_again += key not in delivered
        arrived[key] += 1
        await asyncio.sleep(random.uniform(*latency))
        text = "The sea climbs up to the quay two times daily, as the Moon draws it, and boats in the harbour wait."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        response = web.json_response({"choices": [choice], "usage": {"prompt_tokens": 90, "completion_tokens": 25}})
        with contextlib.suppress(ConnectionError):  # whoever asked has been killed meanwhile
            await response.prepare(request)
            await response.write_eof()
        if request.transport is not None and not request.transport.is_closing():
            delivered.add(key)
        return response

    async def tell(_: web.Request) -> web.Response:
        figures.different = len(arrived)
        return web.json_response(asdict(figures))

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        app.router.add_get("/figures", tell)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


def write_config(folder: Path, port: int, documents: int, concurrency: int) -> Path:
    """A run of four WRAP styles over so many documents of one passage each."""
    lines = [json.dumps({"id": f"d{n}", "text": (TEXT * 3).format(n=n)}) for n in range(documents)]
    (folder / "input.jsonl").write_text("\n".join(lines))
    config: dict[str, Any] = {
        "output": str(folder / "out"),
        "input": {"paths": [str(folder / "input.jsonl")], "min_characters": 0, "tokens_per_unit": 20_000},
        "tokenizer": str(TOKENIZER),
        "engine": {"kind": "endpoint", "url": f"http://127.0.0.1:{port}/v1", "model": "scripted", "concurrency": concurrency},
        "recipes": ["wrap/*"],
    }
    path = folder / "run.yaml"
    path.write_text(json.dumps(config))  # which is YAML, too
    return path


def figures_of(port: int) -> Figures:
    """What the endpoint has seen so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/figures") as response:
        return Figures(**json.load(response))


def measure(options: argparse.Namespace) -> tuple[Figures, list[float], float]:
    """The endpoint's figures, the seconds from each start to its first request, and those of all together."""
    latency = [str(options.latency * share) for share in (0.5, 1.5)]
    server = subprocess.Popen([sys.executable, __file__, "--serve", *latency], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory(prefix="kill-cost-") as name:
            config = write_config(Path(name), port, options.documents, options.concurrency)
            command = [sys.executable, "-m", "rephrase.cli.main"]
            ending = [str(config), "--master", options.master]
            subprocess.run([*command, "shard", *ending], check=True, stderr=subprocess.DEVNULL)
            began, starts = time.time(), []
            while True:
                starts.append(time.time())
                with open(Path(name) / "log", "wb") as log:
                    process = subprocess.Popen([*command, "rewrite", *ending], stdout=log, stderr=log, start_new_session=True)
                while process.poll() is None and bisect(arrivals := figures_of(port).arrivals, starts[-1]) == len(arrivals):
                    time.sleep(0.2)
                    assert time.time() - starts[-1] < _PATIENCE, (Path(name) / "log").read_text()
                try:
                    code = process.wait(options.every)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    time.sleep(_DYING)
                else:
                    assert code == 0, (Path(name) / "log").read_text()
                    break
            seconds = time.time() - began
            figures = figures_of(port)
    finally:
        server.kill()
        server.wait()
    arrivals = figures.arrivals
    first = [arrivals[at] - start for start in starts if (at := bisect(arrivals, start)) < len(arrivals)]
    return figures, first, seconds


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=900)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between the first request of a start and its kill")
    parser.add_argument("--latency", type=float, default=0.5, help="seconds that an answer takes, on average")
    parser.add_argument("--concurrency", type=int, default=16, help="requests of a task in flight")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--serve", nargs=2, type=float, metavar=("LEAST", "MOST"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(tuple(options.serve))
        return
    figures, first, seconds = measure(options)
    kills = len(first) - 1
    assert figures.different == 4 * options.documents, f"{figures.different} requests arrived"
    print(
        f"{figures.different:,} requests, {kills} kills, {seconds:.0f} s; first request after {', '.join(f'{one:.1f}' for one in first)} s"
    )
    print(f"asked again after they had been answered: {figures.answered_again} ({figures.answered_again / max(kills, 1):.1f} a kill)")
    print(f"asked again after they had been in flight: {figures.in_flight_again} ({figures.in_flight_again / max(kills, 1):.1f} a kill)")
    print(f"asked twice {(figures.requests - figures.different) / figures.different:.2%}")


if __name__ == "__main__":
    main()
