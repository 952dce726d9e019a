"""A real vLLM on a tiny model: what it answers, how it is found, and what becomes of it. One file, so that one server does for all."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector

from rephrase.cli.tune_trials import candidates
from rephrase.engines import processes
from rephrase.engines.base import Completion, Message, Request, Sampling
from rephrase.engines.client import Client
from rephrase.engines.connection import Server
from rephrase.engines.processes import Process
from rephrase.engines.prompts import ChatPrompter
from rephrase.engines.vllm import server_folder, servers
from rephrase.engines.vllm.engine import PROBE, launch
from rephrase.engines.vllm.servers import ServerInfo
from rephrase.errors import UserError
from rephrase.live.figures import ServerFigures
from rephrase.recipes.parsers import form_of
from rephrase.recipes.parsing.common import Context
from tests.rephrase.engines.test_client import ask
from tests.rephrase.engines.vllm.test_servers import own_folder, sleeper, wait_until
from tests.rephrase.spark.standalone import wait_for

__all__ = ["own_folder", "sleeper"]
pytestmark = pytest.mark.timeout(900)
REQUEST = Request((Message("user", "The tide"),), Sampling(max_tokens=8))


def on_vllm(vllm, requests: Sequence[Request], **changes) -> list[Completion]:
    async def run() -> list[Completion]:
        async with vllm.engine(**changes) as engine:
            return await engine.complete(requests)

    return asyncio.run(run())


def test_a_real_engine_answers_a_batch_with_exact_counts(vllm):
    sampling = Sampling(max_tokens=24, ignore_eos=True, top_k=50, min_p=0.001, repetition_penalty=1.1, stop=("\x00",))
    requests = [ask(f"Note {n}: " + "tide " * n, sampling=sampling) for n in range(8)]
    done = on_vllm(vllm, requests)
    prompter = ChatPrompter(vllm.config.model)
    assert [c.prompt_tokens for c in done] == [len(prompter.token_ids(r.messages)) for r in requests]
    assert {(c.completion_tokens, c.finish_reason, c.error) for c in done} == {(24, "length", None)}
    assert len({c.text for c in done}) == 8


def test_a_real_engine_tells_of_itself_what_was_asked_of_it(vllm):
    async def run() -> tuple[ServerFigures | None, ServerFigures | None, ServerFigures | None]:
        async with vllm.engine() as engine:
            unknown = engine.now()
            await engine.complete([PROBE])
            before = engine.now()
            await engine.complete([ask(f"Note {n}", sampling=Sampling(max_tokens=24, ignore_eos=True)) for n in range(4)])
            await asyncio.to_thread(wait_for, lambda: engine.now().answers == before.answers + 4)
            return unknown, before, engine.now()

    unknown, before, after = asyncio.run(run())
    assert unknown is None, "it is not looked for before the first request"
    assert (after.tokens - before.tokens, after.answers - before.answers, after.server) == (96, 4, before.server)
    assert (after.running, after.waiting) == (0, 0)


def test_a_real_engine_answers_what_tells_a_broken_one_from_a_prompt_that_kills(vllm):
    assert [c.error for c in on_vllm(vllm, [PROBE])] == [None]


def test_a_real_engine_ignores_the_models_own_sampling(vllm):
    texts = {c.text for c in on_vllm(vllm, [ask(sampling=Sampling(max_tokens=12), sample=n) for n in range(4)])}
    assert len(texts) == 4  # the model's generation config asks for the one likeliest token


def test_a_real_engine_on_a_processor_is_sent_no_seed(vllm):
    """Its process ends when it reads a prompt that has one in several steps."""
    done = on_vllm(vllm, [ask(f"Note {n}: " + "tide " * 1200, seed=n) for n in range(3)])
    assert [(c.error, c.prompt_tokens > 2048) for c in done] == [(None, True)] * 3


@pytest.mark.parametrize("text", ["The tide rises.", "  two\n\nparagraphs <b>é</b> 東京 "])
def test_our_token_ids_are_those_of_the_engines_own_chat_endpoint(vllm, text):
    messages = (Message("system", "Be brief."), Message("user", text))

    async def tokenize() -> list[int]:
        body = {"messages": [{"role": m.role, "content": m.content} for m in messages]}
        async with ClientSession(connector=UnixConnector(vllm.server().socket)) as session:
            answer = await (await session.post("http://localhost/tokenize", json=body)).json()
        return answer["tokens"]

    assert ChatPrompter(vllm.config.model).token_ids(messages) == asyncio.run(tokenize())


def test_a_real_engine_speaks_chat_where_there_is_no_tokenizer(vllm):
    async def chat() -> list[Completion]:
        server = Server("http://localhost/v1", "tiny-llama", unix_socket=vllm.server().socket)
        client = Client(server, None, request_timeout=60, retries=0, seeds=False)
        try:
            return await client.complete([ask("a"), ask("b")])
        finally:
            await client.close()

    prompt = ChatPrompter(vllm.config.model).token_ids(ask("a").messages)
    assert [(c.prompt_tokens, c.completion_tokens, c.error) for c in asyncio.run(chat())] == [(len(prompt), 8, None)] * 2


def test_a_temperature_of_zero_reaches_the_engine(vllm):
    greedy = Sampling(max_tokens=6, temperature=0.0)
    assert len({c.text for n in range(3) for c in on_vllm(vllm, [ask(sampling=greedy, sample=n)])}) == 1


def test_a_real_engine_follows_a_json_schema(vllm):
    schema = {
        "type": "object",
        "properties": {"verdict": {"enum": ["keep", "drop"]}, "score": {"type": "integer", "minimum": 0, "maximum": 5}},
        "required": ["verdict", "score"],
        "additionalProperties": False,
    }
    requests = [ask(f"Judge {n}", schema=json.dumps(schema), sampling=Sampling(max_tokens=64)) for n in range(4)]
    for completion in on_vllm(vllm, requests):
        answer = json.loads(completion.text)
        assert answer["verdict"] in ("keep", "drop")
        assert answer["score"] in range(6)


@pytest.mark.parametrize(
    ("parser", "settings"), [("label", {"labels": ["yes", "no"]}), ("score", {"low": 0, "high": 5}), ("score", {"low": 0, "high": 1})]
)
def test_whatever_a_model_writes_that_is_held_to_a_form_is_of_that_form(vllm, parser, settings, tokenizer):
    form = form_of(parser, settings, 32, "test")
    done = on_vllm(vllm, [ask(f"Judge {n}", schema=form.schema_text, sampling=Sampling(max_tokens=32)) for n in range(4)])
    assert [c.finish_reason for c in done] == ["stop"] * 4
    parsed = [form.parse(completion.text, Context(tokenizer)) for completion in done]
    assert [(one.error, list(one.fields)) for one in parsed if one] == [(None, [parser])] * 4


def test_a_list_that_a_model_writes_without_end_is_ended(vllm):
    form = form_of("items", {"min_items": 2, "max_items": 3}, 32, "test")  # of at most 16 characters
    for completion in on_vllm(vllm, [ask(f"List {n}", schema=form.schema_text, sampling=Sampling(max_tokens=96)) for n in range(4)]):
        assert completion.finish_reason == "stop"
        assert [len(item) <= 16 for item in json.loads(completion.text)["items"]] in ([True] * 2, [True] * 3)


def test_a_real_engine_refuses_the_bad_request_alone(vllm):
    bad = Sampling(max_tokens=4, temperature=-1.0)
    [refused] = on_vllm(vllm, [ask(sampling=bad)])
    assert refused.error.startswith("engine:bad_request: temperature must be non-negative")
    empty = replace(ask(), messages=(Message("text", "<|endoftext|>" * 4000),))
    [long] = on_vllm(vllm, [empty])
    assert long.error == "prompt_too_long"


def sessions_processes(info: ServerInfo) -> list[int]:
    return processes.members(info.process)


def complete(vllm, times: int = 1) -> list[str | None]:
    async def run():
        async with vllm.engine() as engine:
            return [(await engine.complete([REQUEST]))[0].error for _ in range(times)]

    return asyncio.run(run())


def test_a_failed_start_names_the_reason_and_is_remembered(vllm, sleeper, own_folder):
    broken = launch(vllm.config.model_copy(update={"max_model_len": 100_000}))
    owner = Process.of(sleeper.pid)
    with pytest.raises(UserError, match=r"tiny-llama: vLLM does not start: .*max_model_len.*its log on .*engine\.log") as first:
        servers.find_or_start(broken, owner)
    [folder] = server_folder.server_folders(server_folder.base_folder())
    status = server_folder.read_status(folder)
    with pytest.raises(UserError) as second:
        servers.find_or_start(broken, owner)
    assert str(first.value) == str(second.value)
    assert server_folder.read_status(folder) == status, "it was not started again"


def test_a_start_that_takes_too_long_is_ended(vllm, sleeper, own_folder):
    slow = launch(vllm.config.model_copy(update={"startup_timeout": 1.5}))
    with pytest.raises(UserError, match=r"no answer within 1\.5 s \(startup_timeout\)"):
        servers.find_or_start(slow, Process.of(sleeper.pid))
    [folder] = server_folder.server_folders(server_folder.base_folder())
    engine = server_folder.read_status(folder)["engine"]
    assert processes.members(Process(*engine)) == []


def test_the_server_is_shared_and_stays_up_between_engines(vllm):
    assert complete(vllm) == [None]
    first = vllm.server()
    arguments = [json.dumps(asdict(launch(vllm.config))), json.dumps(asdict(vllm.owner))]
    code = (
        "import json, sys; from rephrase.engines.vllm.servers import *;"
        "print(find_or_start(Launch(**json.loads(sys.argv[1])), Process(**json.loads(sys.argv[2]))).process.pid)"
    )
    command = [sys.executable, "-c", code, *arguments]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {int(caller.communicate()[0]) for caller in callers} == {first.process.pid}


def test_a_server_without_gpus_leaves_the_processors_to_its_callers(vllm):
    assert complete(vllm) == [None]
    pid = vllm.server().process.pid

    def priorities() -> tuple[int, set[int]]:
        return os.getpriority(os.PRIO_PROCESS, pid), {os.getpriority(os.PRIO_PROCESS, child) for child in processes.children(pid)}

    wait_until(lambda: priorities() == (10, {16}), 30)


def test_another_model_waits_until_the_server_is_idle(vllm):
    other = replace(launch(vllm.config), arguments=("--no-such-flag",), startup_timeout=1.0)
    with servers.in_use(vllm.server()), pytest.raises(UserError, match="is still in use on the same devices"):
        servers.find_or_start(other, vllm.owner)
    assert complete(vllm) == [None]


@pytest.mark.long
def test_a_server_that_dies_is_started_again_and_no_request_is_lost(vllm):
    async def run():
        async with vllm.engine() as engine:
            long = replace(REQUEST, sampling=Sampling(max_tokens=1000, ignore_eos=True))
            assert (await engine.complete([REQUEST]))[0].error is None
            before = vllm.server()
            worker = max(sessions_processes(before), key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))
            running = asyncio.create_task(engine.complete([long] * 4))
            await asyncio.sleep(0.3)
            os.kill(worker, signal.SIGKILL)
            assert not running.done()
            return before, await running, vllm.server()

    before, completions, after = asyncio.run(run())
    assert [(completion.error, completion.completion_tokens) for completion in completions] == [(None, 1000)] * 4
    assert after.process != before.process
    assert sessions_processes(before) == []


def test_a_real_vllm_knows_every_argument_that_tune_tries(monkeypatch):
    """Its parser looks at the values of all first, and refuses the last one alone."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)  # what a setting needs beside vLLM is another question
    tried = [word for gpus in (0, 2) for one in candidates(gpus=gpus, changes=["fp8", "document_first"]) for word in one.args]
    assert "fp8" in tried
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *tried, "--no-such-argument"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr.strip().endswith("error: unrecognized arguments: --no-such-argument")


def test_when_the_owner_is_killed_nothing_of_the_server_stays(vllm):
    info = vllm.server()
    assert len(sessions_processes(info)) >= 2
    os.kill(vllm.owner.pid, signal.SIGKILL)
    wait_until(lambda: not sessions_processes(info), 10)
    wait_until(lambda: not server_folder.has_watchdog(Path(info.socket).parent), 30)
