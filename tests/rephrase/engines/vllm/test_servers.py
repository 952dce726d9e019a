from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rephrase.engines.processes import Process, find_owner
from rephrase.engines.vllm import server_folder, servers
from rephrase.engines.vllm.watchdog import log_errors
from rephrase.errors import UserError


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
        (
            (
                "(APIServer pid=7) pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
                "(APIServer pid=7)   Value error, User-specified max_model_len (8192) is greater. [type=value_error, input_value={}]\n"
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


def test_another_s_link_in_the_folder_s_place_is_refused(own_folder, tmp_path):
    (own_folder / f"rephrase-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(UserError, match="belongs to someone else"):
        server_folder.base_folder()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_others_can_rename_is_passed_over(own_folder):
    own_folder.chmod(0o777)  # without the sticky bit
    assert server_folder.base_folder().parent == Path("/tmp")
    own_folder.chmod(0o1777)
    assert server_folder.base_folder().parent == own_folder


def test_nobody_else_can_enter_whatever_the_mask(own_folder):
    before = os.umask(0)
    try:
        base = server_folder.base_folder()
        folder = server_folder.make_private(base / f"1-1-{'0' * 16}")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (base, folder)] == [0o700, 0o700]


def test_what_dead_owners_left_is_swept(own_folder, sleeper):
    base = server_folder.base_folder()
    orphan = subprocess.Popen(["sleep", "600"], start_new_session=True)
    dead, live = base / f"1-1-{'0' * 16}", base / f"{sleeper.pid}-{Process.of(sleeper.pid).start}-{'0' * 16}"
    for folder in (dead, live):
        folder.mkdir()
    engine = Process.of(orphan.pid)
    server_folder.write_status(dead, "ready", engine=[engine.pid, engine.start])
    servers._sweep(base)
    assert not dead.exists()
    assert live.exists()
    assert orphan.wait(5) == -signal.SIGTERM
