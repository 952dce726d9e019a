from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from rephrase.engines import processes, server_folder, supervisor
from rephrase.engines.base import Message, Request, Sampling
from rephrase.engines.processes import Process, find_owner
from rephrase.engines.supervisor import ServerInfo
from rephrase.engines.vllm import launch
from rephrase.engines.watchdog import log_errors
from rephrase.errors import UserError

REQUEST = Request((Message("user", "The tide"),), Sampling(max_tokens=8))


def wait_until(condition, seconds: float) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - started


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def own_folder(monkeypatch):
    """A temporary folder of the test's own, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:
        monkeypatch.setattr(server_folder.tempfile, "gettempdir", lambda: folder)
        yield Path(folder)


def test_a_process_is_not_mistaken_for_another_with_its_number(sleeper):
    process = Process.of(sleeper.pid)
    assert process.alive
    assert not replace(process, start=process.start + 1).alive
    sleeper.kill()
    wait_until(lambda: not process.alive, 5)  # dead although its parent has not asked for its exit code
    sleeper.wait()
    assert not Process.of(sleeper.pid).alive


def test_the_owner_is_the_nearest_java_ancestor_or_else_the_process_itself(tmp_path):
    code = "from rephrase.engines.processes import find_owner; import os; print(find_owner().pid, os.getpid())"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    if find_owner().pid == os.getpid():
        assert plain[0] == plain[1]
    java = tmp_path / "java"
    java.symlink_to("/bin/bash")
    script = f"echo $$; {sys.executable} -c '{code}'; true"
    jvm, owner, _ = subprocess.run([str(java), "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert owner == jvm


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            (
                "(Worker pid=9) ERROR 11-20 22:20:20 [multiproc_executor.py:953] Traceback (most recent call last):\n"
                "(Worker pid=9) ERROR 11-20 22:20:20 [multiproc_executor.py:953] RuntimeError: Cannot find any model weights with `/m`\n"
                "(EngineCore pid=8) ERROR 11-20 22:20:22 [core.py:1510] Exception: WorkerProc initialization failed due to an exception.\n"
                "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
            ),
            "RuntimeError: Cannot find any model weights with `/m`",
        ),
        (
            (
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
                "  Value error, User-specified max_model_len (8192) is greater. [type=value_error, input_value=ArgsKwargs((), {})]\n"
                "    For further information visit https://errors.pydantic.dev\n"
            ),
            "User-specified max_model_len (8192) is greater.",
        ),
        ("usage: api_server.py [--model MODEL]\napi_server.py: error: unrecognized arguments: --no", "unrecognized arguments: --no"),
        (
            "(Worker pid=9) ERROR 11-20 22:20:20 [a.py:1] torch.OutOfMemoryError: CUDA out of memory.",
            "OutOfMemoryError: CUDA out of memory.",
        ),
        ("INFO 11-20 22:20:20 [a.py:1] all is well", ""),
    ],
)
def test_the_reason_is_found_in_the_log(log, reason):
    assert log_errors(log) == reason


def test_a_folder_of_somebody_else_is_refused(own_folder):
    (own_folder / f"rephrase-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(UserError, match="belongs to someone else, or others can enter it"):
        server_folder.base_folder()


def test_a_long_temporary_folder_still_leaves_room_for_a_socket(own_folder, monkeypatch):
    monkeypatch.setattr(server_folder.tempfile, "gettempdir", lambda: str(own_folder / ("x" * 120)))
    assert len(str(server_folder.base_folder())) < 40


def test_what_dead_owners_left_is_swept(own_folder, sleeper):
    base = server_folder.base_folder()
    orphan = subprocess.Popen(["sleep", "600"], start_new_session=True)
    dead, live = base / f"1-1-{'0' * 16}", base / f"{sleeper.pid}-{Process.of(sleeper.pid).start}-{'0' * 16}"
    for folder in (dead, live):
        folder.mkdir()
    engine = Process.of(orphan.pid)
    server_folder.write_status(dead, "ready", engine=[engine.pid, engine.start])
    supervisor._sweep(base)
    assert not dead.exists()
    assert live.exists()
    assert orphan.wait(5) == -signal.SIGTERM


# What follows needs a real engine.


def sessions_processes(info: ServerInfo) -> list[int]:
    return processes.members(info.process)


def complete(vllm, times: int = 1) -> list[str | None]:
    async def run():
        async with vllm.engine() as engine:
            return [(await engine.complete([REQUEST]))[0].error for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.timeout(900)
def test_a_failed_start_names_the_reason_and_is_remembered(vllm, sleeper, own_folder):
    broken = launch(vllm.config.model_copy(update={"args": ["--no-such-flag"]}))
    owner = Process.of(sleeper.pid)
    with pytest.raises(
        UserError, match=r"tiny-llama: vLLM does not start: unrecognized arguments: --no-such-flag.*its log on .*engine\.log"
    ) as first:
        supervisor.find_or_start(broken, owner)
    started = time.monotonic()
    with pytest.raises(UserError) as second:
        supervisor.find_or_start(broken, owner)
    assert str(first.value) == str(second.value)
    assert time.monotonic() - started < 1


@pytest.mark.timeout(900)
def test_a_start_that_takes_too_long_is_ended(vllm, sleeper, own_folder):
    slow = launch(vllm.config.model_copy(update={"startup_timeout": 1.5}))
    with pytest.raises(UserError, match=r"no answer within 1\.5 s \(startup_timeout\)"):
        supervisor.find_or_start(slow, Process.of(sleeper.pid))
    [folder] = server_folder.server_folders(server_folder.base_folder())
    engine = server_folder.read_status(folder)["engine"]
    assert processes.members(Process(*engine)) == []


@pytest.mark.timeout(900)
def test_the_server_is_shared_and_stays_up_between_engines(vllm):
    assert complete(vllm) == [None]
    first = vllm.server()
    arguments = [json.dumps(asdict(launch(vllm.config))), json.dumps(asdict(vllm.owner))]
    code = (
        "import json, sys; from rephrase.engines.supervisor import *;"
        "print(find_or_start(Launch(**json.loads(sys.argv[1])), Process(**json.loads(sys.argv[2]))).process.pid)"
    )
    command = [sys.executable, "-c", code, *arguments]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {int(caller.communicate()[0]) for caller in callers} == {first.process.pid}


@pytest.mark.timeout(900)
def test_another_model_waits_until_the_server_is_idle(vllm):
    other = replace(launch(vllm.config), arguments=("--no-such-flag",), startup_timeout=1.0)
    with supervisor.in_use(vllm.server()), pytest.raises(UserError, match="is still in use on the same devices"):
        supervisor.find_or_start(other, vllm.owner)
    assert complete(vllm) == [None]


@pytest.mark.timeout(900)
def test_a_server_that_dies_is_started_again_and_no_request_is_lost(vllm):
    async def run():
        async with vllm.engine() as engine:
            long = replace(REQUEST, sampling=Sampling(max_tokens=3900, ignore_eos=True))
            assert (await engine.complete([REQUEST]))[0].error is None
            before = vllm.server()
            worker = max(sessions_processes(before), key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))
            running = asyncio.create_task(engine.complete([long] * 4))
            await asyncio.sleep(0.3)
            os.kill(worker, signal.SIGKILL)
            assert not running.done()
            return before, await running, vllm.server()

    before, completions, after = asyncio.run(run())
    assert [(completion.error, completion.completion_tokens) for completion in completions] == [(None, 3900)] * 4
    assert after.process != before.process
    assert sessions_processes(before) == []


@pytest.mark.timeout(900)
def test_when_the_owner_is_killed_nothing_of_the_server_stays(vllm):
    info = vllm.server()
    assert len(sessions_processes(info)) >= 2
    os.kill(vllm.owner.pid, signal.SIGKILL)
    wait_until(lambda: not sessions_processes(info), 10)
    wait_until(lambda: not server_folder.supervised(Path(info.socket).parent), 5)
