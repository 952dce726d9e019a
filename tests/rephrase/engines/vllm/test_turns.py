from __future__ import annotations

import asyncio
import subprocess
import sys

from rephrase.engines.vllm.turns import Turns


def test_who_wants_to_be_alone_waits_for_calls_under_way_and_keeps_new_ones_out(tmp_path):
    seen: list[str] = []

    async def call(name: str, seconds: float) -> None:
        async with Turns(tmp_path).together():
            seen.append(f"{name} in")
            await asyncio.sleep(seconds)
            seen.append(f"{name} out")

    async def alone() -> None:
        async with Turns(tmp_path).alone():
            seen.append("alone in")
            await asyncio.sleep(0.2)
            seen.append("alone out")

    async def run() -> None:
        first = [asyncio.create_task(call(name, 0.3)) for name in "ab"]
        await asyncio.sleep(0.05)
        between = asyncio.create_task(alone())
        await asyncio.sleep(0.15)
        last = asyncio.create_task(call("c", 0))
        await asyncio.gather(*first, between, last)

    asyncio.run(run())
    assert seen[:2] == ["a in", "b in"], "calls run side by side"
    assert set(seen[2:4]) == {"a out", "b out"}
    assert seen[4:] == ["alone in", "alone out", "c in", "c out"]


def test_a_killed_process_leaves_no_lock_behind(tmp_path):
    code = (
        "import asyncio, os, signal, sys; from pathlib import Path; from rephrase.engines.vllm.turns import Turns\n"
        "async def run():\n"
        "    async with Turns(Path(sys.argv[1])).alone():\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(run())"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9

    async def run() -> None:
        async with asyncio.timeout(2), Turns(tmp_path).alone():
            pass

    asyncio.run(run())
