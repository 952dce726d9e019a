"""An executor's GPUs as several servers, of which each task asks the one that fewest others ask; made-up GPUs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from rephrase.engines.processes import Process
from rephrase.engines.vllm.engine import Vllm
from rephrase.engines.vllm.replicas import taken
from rephrase.engines.vllm.settings import VllmSettings
from rephrase.errors import UserError

EIGHT = tuple("01234567")


@pytest.fixture
def owner(tmp_path, monkeypatch) -> Process:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Process.of(os.getpid())


@pytest.mark.parametrize(
    ("gpus", "each", "servers"),
    [
        (EIGHT, 2, ["01", "23", "45", "67"]),
        (EIGHT, 4, ["0123", "4567"]),
        (("5", "7"), 1, ["5", "7"]),
        (EIGHT, 8, ["01234567"]),
        (EIGHT, None, ["01234567"]),
        ((), 2, [""]),
    ],
)
def test_tasks_are_shared_out_evenly_among_the_servers(owner, gpus, each, servers):
    with contextlib.ExitStack() as tasks:
        asked = ["".join(tasks.enter_context(taken(owner, gpus, each))) for _ in range(3 * len(servers))]
    assert Counter(asked) == dict.fromkeys(servers, 3)


def test_the_place_of_a_task_that_ended_is_the_next_ones(owner):
    with contextlib.ExitStack() as tasks:
        places = [tasks.enter_context(contextlib.ExitStack()) for _ in range(8)]
        asked = [place.enter_context(taken(owner, EIGHT, 2)) for place in places]
        places[5].close()
        assert tasks.enter_context(taken(owner, EIGHT, 2)) == asked[5]


def test_a_task_that_was_killed_holds_no_place(owner, tmp_path):
    code = (
        "import sys; from rephrase.engines.processes import Process; from rephrase.engines.vllm.replicas import taken\n"
        f"with taken(Process({owner.pid}, {owner.start}), '01', 1) as gpus: print(gpus, flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline().strip() == "('0',)"
        with taken(owner, "01", 1) as beside:
            assert beside == ("1",), "processes see each other"
        other.kill()
        other.wait()
    with taken(owner, "01", 1) as after:
        assert after == ("0",)


def test_an_engine_holds_its_server_until_it_is_closed(owner, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    config = VllmSettings(kind="vllm", model=str(tmp_path), tensor_parallel=2)
    engines = [Vllm(config, EIGHT[:4], owner) for _ in range(2)]
    assert [engine._launch.devices for engine in engines] == [("0", "1"), ("2", "3")]
    for engine in engines:
        assert " ".join(engine._launch.arguments).count("--tensor-parallel-size 2") == 1
    asyncio.run(engines[0].close())
    assert Vllm(config, EIGHT[:4], owner)._launch.devices == ("0", "1")


@pytest.mark.parametrize(
    ("gpus", "each", "tasks", "message"),
    [
        (8, 3, None, "an executor has 8 GPUs, which do not make servers of 3 each"),
        (1, 2, None, "an executor has 1 GPU, which do not make servers of 2 each"),
        (8, 2, 3, "an executor has 4 servers, and cores for 3 tasks: some would stand idle"),
        (8, 2, 4, None),
        (8, None, 1, None),
        (0, 2, None, None),
    ],
)
def test_counts_that_do_not_fit_are_refused(gpus, each, tasks, message):
    config = VllmSettings(kind="vllm", model="org/model", tensor_parallel=each)
    if message is None:
        config.check_gpus(gpus, tasks)
        return
    with pytest.raises(UserError, match=message):
        config.check_gpus(gpus, tasks)


def test_an_executor_whose_gpus_do_not_fit_is_told_where_it_asks(owner, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"engine.tensor_parallel: an executor has 3 GPUs.*take a number that divides"):
        Vllm(VllmSettings(kind="vllm", model=str(tmp_path), tensor_parallel=2), EIGHT[:3], owner)
