"""What becomes of requests when servers die, hang, or come late: with a stand-in that starts in no time, since no model is needed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from rephrase import storage
from rephrase.engines.base import Message, Request, Sampling
from rephrase.engines.processes import Process
from rephrase.engines.prompts import ChatPrompter
from rephrase.engines.vllm import server_folder, servers
from rephrase.engines.vllm.engine import Vllm, launch
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import StartError
from tests.places import STAND_IN
from tests.rephrase.engines.vllm.test_servers import own_folder, sleeper, wait_until

__all__ = ["own_folder", "sleeper"]


@pytest.fixture
def config(tiny_model, tmp_path):
    def make(*, batch_size: int = 4, stall_timeout: float = 300, startup_timeout: float = 60, **environment: str) -> VllmSettings:
        env = {"PYTHONPATH": str(STAND_IN), "STAND_IN_LOG": str(tmp_path / "log"), **environment}
        return VllmSettings(
            kind="vllm", model=str(tiny_model), env=env, batch_size=batch_size, stall_timeout=stall_timeout, startup_timeout=startup_timeout
        )

    return make


def request(text: str) -> Request:
    return Request((Message("user", text),), Sampling(max_tokens=5))


def log(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def asked(tmp_path: Path) -> int:
    return sum("prompts" in entry for entry in log(tmp_path))


def token(model: Path, text: str) -> str:
    """A token id that stands in this text's prompt and in no other of the tests."""
    prompter = ChatPrompter(str(model))
    others = set(prompter.token_ids(request("abcdefgh 0123456789").messages))
    return str(next(i for i in prompter.token_ids(request(text).messages) if i not in others))


def test_a_prompt_that_kills_the_server_is_found_and_all_others_are_answered(config, tiny_model, sleeper, own_folder, tmp_path):
    engine_config = config(STAND_IN_POISON=token(tiny_model, "§"))
    batches = [[request(f"{n} {m}") for m in range(2)] for n in range(3)]
    batches[1][1] = request("§")

    async def run():
        async with Vllm(engine_config, owner=Process.of(sleeper.pid)) as engine:
            answers = await asyncio.gather(*(engine.complete(batch) for batch in batches))
            return answers, engine.identity

    answers, identity = asyncio.run(run())
    errors = [[answer.error for answer in batch] for batch in answers]
    assert errors == [[None] * 2, [None, "engine_crash"], [None] * 2]
    assert identity.engine == "vllm 0.0.stand-in"
    assert identity.revision.startswith("files:")
    starts = sum("start" in entry for entry in log(tmp_path))
    assert starts <= 5, "the neighbours of the prompt did not each cost a server"


def test_a_server_that_dies_under_any_request_blames_none(config, tiny_model, sleeper, own_folder, tmp_path):
    engine_config = config(STAND_IN_POISON=token(tiny_model, "Hello"))

    async def run():
        async with Vllm(engine_config, owner=Process.of(sleeper.pid)) as engine:
            await asyncio.gather(*(engine.complete([request(f"Hello {n}") for n in range(4)]) for _ in range(3)))

    with pytest.raises(StartError, match=r"vLLM dies under any request: the process was killed by SIGKILL"):
        asyncio.run(run())
    assert sum("start" in entry for entry in log(tmp_path)) == 4, "it was not asked for each request"


def test_a_server_that_dies_once_costs_nobody_anything(config, sleeper, own_folder, tmp_path):
    hold = tmp_path / "hold"
    engine_config = config(STAND_IN_HOLD=str(hold))

    async def run():
        async with Vllm(engine_config, owner=Process.of(sleeper.pid)) as engine:
            await engine.complete([request("0")])
            hold.touch()
            calls = [asyncio.create_task(engine.complete([request(str(n))])) for n in range(8)]
            await asyncio.to_thread(wait_until, lambda: asked(tmp_path) == 1 + 8, 60)
            server = await asyncio.to_thread(servers.find_or_start, launch(engine_config), Process.of(sleeper.pid))
            os.kill(server.process.pid, 9)
            hold.unlink()
            return [answer.error for [answer] in await asyncio.gather(*calls)]

    assert asyncio.run(run()) == [None] * 8
    assert sum("start" in entry for entry in log(tmp_path)) == 2


@pytest.mark.parametrize("how", ["stopped", "in its first step"])
def test_a_server_that_hangs_is_ended_and_its_requests_are_asked_again(config, sleeper, own_folder, tmp_path, how):
    hold = tmp_path / "hold"
    stall = {"STAND_IN_STALL": str(tmp_path / "stalled")} if how == "in its first step" else {"STAND_IN_HOLD": str(hold)}
    engine_config = config(stall_timeout=2, **stall)
    owner, logs = Process.of(sleeper.pid), str(tmp_path / "logs")

    async def run():
        async with Vllm(engine_config, owner=owner, logs=logs) as engine:
            server = await asyncio.to_thread(servers.find_or_start, launch(engine_config, (), logs), owner)
            await asyncio.sleep(3)
            assert server.process.alive, "one that has nothing to do is left alone"
            hold.touch()
            calls = [asyncio.create_task(engine.complete([request(str(n))])) for n in range(4)]
            await asyncio.to_thread(wait_until, lambda: (tmp_path / "log").exists() and asked(tmp_path) > 0, 60)
            if how == "stopped":
                os.kill(server.process.pid, signal.SIGSTOP)
            hold.unlink()
            answers = await asyncio.wait_for(asyncio.gather(*calls), 60)
            return server, [answer.error for [answer] in answers]

    server, errors = asyncio.run(run())
    assert errors == [None] * 4
    assert not server.process.alive
    assert len(json.loads((server.folder / "status.json").read_text())["deaths"]) == 1
    [kept] = [file.path for file in storage.list_files(logs)]
    assert kept.endswith(".log")


def test_requests_that_wait_for_others_to_end_are_given_their_time(config, sleeper, own_folder):
    engine_config = config(STAND_IN_SLOTS="1", STAND_IN_SECONDS="0.4").model_copy(update={"request_timeout": 2.0})

    async def run():
        async with Vllm(engine_config, owner=Process.of(sleeper.pid)) as engine:
            return [answer.error for [answer] in await asyncio.gather(*(engine.complete([request(str(n))]) for n in range(8)))]

    assert asyncio.run(run()) == [None] * 8


def test_a_request_that_the_server_loses_ends_in_time(config, sleeper, own_folder, tmp_path):
    engine_config = config(STAND_IN_STALL=str(tmp_path / "stalled")).model_copy(update={"request_timeout": 1.0})

    async def run():
        async with Vllm(engine_config, owner=Process.of(sleeper.pid)) as engine:
            return [answer.error for [answer] in [await engine.complete([request(str(n))]) for n in range(2)]]

    assert asyncio.run(run()) == ["engine:timeout", None]


def test_nothing_of_a_hanging_server_outlives_its_owner(config, sleeper, own_folder):
    server = servers.find_or_start(launch(config(stall_timeout=4)), Process.of(sleeper.pid))
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(2)  # the watchdog waits for an answer
    sleeper.kill()
    wait_until(lambda: not server.process.alive, 10)


def test_a_server_that_hangs_on_start_is_ended_in_time_with_one_clear_line(config, sleeper, own_folder):
    slow = launch(config(STAND_IN_HANG="1", startup_timeout=2))
    with pytest.raises(StartError, match=r"vLLM does not start: no answer within 2 s \(startup_timeout\)"):
        servers.find_or_start(slow, Process.of(sleeper.pid))
    [folder] = server_folder.server_folders(server_folder.base_folder())
    server = Process(*server_folder.read_status(folder)["engine"])
    assert not server.alive


def test_of_first_starts_on_one_machine_only_one_compiles(config, sleeper, own_folder, tmp_path):
    """Two executors' servers with the same model on different devices: the second waits until the first is ready."""
    launches = [launch(config(), (device,)) for device in ("0", "1")]
    assert launches[0].compiled_digest() == launches[1].compiled_digest()
    owner = Process.of(sleeper.pid)

    async def run():
        return await asyncio.gather(*(asyncio.to_thread(servers.find_or_start, each, owner) for each in launches))

    infos = asyncio.run(run())
    starts = [entry for entry in log(tmp_path) if "start" in entry]
    assert [entry["devices"] for entry in starts] in (["0", "1"], ["1", "0"])
    ready = {info.process.pid: json.loads((info.folder / "status.json").read_text())["at"] for info in infos}
    assert starts[1]["at"] >= ready[starts[0]["pid"]], "the second began after the first was ready"


def test_a_server_whose_folder_is_gone_does_not_stay(config, sleeper, own_folder):
    server = servers.find_or_start(launch(config()), Process.of(sleeper.pid))
    shutil.rmtree(server.folder)
    wait_until(lambda: not server.process.alive, 10)
