"""The process beside each vLLM server: starts it, says when it is ready, ends it when it hangs or its owner goes, keeps its log.

Nobody's child: a killed Python worker orphans its children, so that no worker could do this. Standard library only, until the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import http
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rephrase.engines.processes import Process, children, end_members
from rephrase.engines.vllm.server_folder import WATCHDOG_LOCK, Launch, get, metrics, read_status, write_status
from rephrase.engines.vllm.turns import calls_under_way

_PROGRESS_POLL = 10.0  # seconds between looks at whether a server makes progress, at most
_PATIENCE = 3.0  # seconds for an answer, in which the owner's end is not seen
_KEPT_LOG = 10 << 20  # bytes of a log that are kept with the run
_OWNER_POLL = 1.0
_CPU_NICE = 10  # what the tasks leave is the server's; they need a tenth of a core
_CORE_NICE = 16  # of the server's process that makes batches, which spins for as long as a batch is computed
_START_POLL = 0.25


def log_errors(log: str) -> str:
    """The line of a vLLM log that says why it died, without time stamps and traces; empty if there is none."""
    lines = [_PREFIX.sub("", line.rstrip()) for line in log.splitlines()]
    error = ""
    for number, line in enumerate(lines):
        match = _ERROR_LINE.match(line)
        if not match or _CONSEQUENCE.search(line):
            continue
        error = match.group(1) or match.group(2)
        if "validation error" in line:  # pydantic puts its reasons into the next lines
            reasons = (text.strip().removeprefix("Value error, ") for text in lines[number + 1 :] if text.startswith("  "))
            error = re.sub(r"\s*\[type=.*", "", next(reasons, error))
    return error[:400]


_PREFIX = re.compile(r"^(?:\([\w .:-]*pid=\d+\) ?)?(?:(?:ERROR|CRITICAL|WARNING|INFO) \d\d-\d\d [\d:]+ \[[^\]]*\]\s?)?")
_ERROR_LINE = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception)\b(?:: .+)?)$|^\S+\.py: error: (.+)$")
# Errors that only report that another process of the server has died, whose own error stands above.
_CONSEQUENCE = re.compile(
    r"Engine core initialization failed|EngineCore encountered|Executor failed|WorkerProc initialization failed|CancelledError"
)


def _start_server(folder: Path, launch: Launch, python_path: str | None) -> subprocess.Popen[bytes]:
    inherited = {**os.environ, "PYTHONPATH": python_path or ""}
    environment = {**inherited, **dict(launch.environment)}
    if launch.devices:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(launch.devices)
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *launch.arguments, "--uds", str(folder / "socket")]
    with open(folder / "engine.log", "wb") as log:
        return subprocess.Popen(  # noqa: S603  # the user's own arguments, on the user's own machines
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _stand_back(pid: int) -> None:
    """Lower the priority of a server that has started and shares its processors with those who feed it.

    Its processes spin while they wait for each other. Without this the kernel gave the tasks that hold the next requests a
    hundredth of a core for seconds, and the server, with little to do, kept spinning. Its own children, of which one makes batches for
    another that computes them, stand further back: else the HTTP process takes its time from the one that computes.
    """
    with contextlib.suppress(OSError):  # it may have died meanwhile
        os.setpriority(os.PRIO_PGRP, pid, _CPU_NICE)
        for child in children(pid):
            for thread in os.listdir(f"/proc/{child}/task"):
                os.setpriority(os.PRIO_PROCESS, int(thread), _CORE_NICE)
    with contextlib.suppress(OSError):  # not every kernel groups processes by session, and then shares time by group
        Path(f"/proc/{pid}/autogroup").write_text(str(_CPU_NICE), encoding="ascii")


def _how_it_ended(folder: Path, code: int) -> str:
    if reason := log_errors((folder / "engine.log").read_text(errors="replace")):
        return reason
    if code < 0:
        name = signal.Signals(-code).name
        return f"the process was killed by {name}" + (
            ", which is what a machine does that runs out of memory" if code == -signal.SIGKILL else ""
        )
    return f"the process ended with code {code}"


def _watch(folder: Path) -> None:
    """Run the server until it dies, the owner goes, or someone asks for its end."""
    owner_fields, launch_fields, python_path = json.loads((folder / "launch.json").read_text())
    owner, launch = Process(**owner_fields), Launch(**launch_fields)
    started = time.time()
    process: Process | None = None
    try:
        with _first_compilation(folder, launch, owner) as compiled:
            server = _start_server(folder, launch, python_path)
            process = Process.of(server.pid)
            write_status(folder, "starting", engine=[process.pid, process.start])
            if not _until_ready(folder, launch, owner, server):
                return
            compiled.touch()
        if launch.on_processor:
            _stand_back(server.pid)
        _until_end(folder, launch, owner, server)
    finally:  # also where somebody has emptied the temporary folder under the server
        if process is not None:
            end_members(process)
        _keep_log(folder, launch, owner, started)


@contextlib.contextmanager
def _first_compilation(folder: Path, launch: Launch, owner: Process) -> Iterator[Path]:
    """Let one server of this machine compile a model first: vLLM's cache is not made for many that write the same files at once.

    Gives the file whose presence says that it is compiled; later servers then start side by side.
    """
    compiled = folder.parent / f"compiled-{launch.compiled_digest()}"
    if compiled.exists():
        yield compiled
        return
    with open(compiled.with_suffix(".lock"), "a", encoding="utf-8") as lock:
        while owner.alive and not (folder / "stop").exists() and not compiled.exists():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                write_status(folder, "queued")
                time.sleep(_OWNER_POLL)
        yield compiled


def _until_ready(folder: Path, launch: Launch, owner: Process, server: subprocess.Popen[bytes]) -> bool:
    path = str(folder / "socket")
    deadline = time.monotonic() + launch.startup_timeout
    while owner.alive and not (folder / "stop").exists():
        code = server.poll()
        if code is not None:
            write_status(folder, "failed", error=_how_it_ended(folder, code))
            return False
        if get(path, "/health", _PATIENCE)[0] == http.HTTPStatus.OK and (answer := get(path, "/v1/models", _PATIENCE)[1]):
            models = json.loads(answer)["data"]
            version = json.loads(get(path, "/version", _PATIENCE)[1] or b"{}").get("version", "")
            write_status(folder, "ready", max_model_len=models[0].get("max_model_len"), version=version)
            return True
        if time.monotonic() > deadline:
            write_status(folder, "failed", error=f"no answer within {launch.startup_timeout:g} s (startup_timeout)")
            return False
        time.sleep(_START_POLL)
    write_status(folder, "stopped")
    return False


def _until_end(folder: Path, launch: Launch, owner: Process, server: subprocess.Popen[bytes]) -> None:
    path = str(folder / "socket")
    tokens: tuple[float, ...] = ()
    moved = looked = time.monotonic()
    interval = min(_PROGRESS_POLL, launch.stall_timeout / 4)
    while owner.alive and folder.exists() and not (folder / "stop").exists():
        code = server.poll()
        now = time.monotonic()
        if code is None and now - looked >= interval:
            looked = now
            counts = _tokens(path)
            # It has read or written something, keeps no statistics, or has nothing to do. Whether it has, its callers know better than
            # itself: it counts a request as running once the step that took it up has ended, which a hanging one never does.
            if counts is not None and (counts != tokens or not counts or not calls_under_way(folder)):
                tokens, moved = counts, now
        stalled = now - moved > launch.stall_timeout
        if code is not None or stalled:
            error = f"no progress for {launch.stall_timeout:g} s (stall_timeout)" if code is None else _how_it_ended(folder, code)
            deaths = [*read_status(folder).get("deaths", []), time.time()][-10:]
            write_status(folder, "dead", error=error, deaths=deaths)
            return
        time.sleep(_OWNER_POLL)
    if folder.exists():
        write_status(folder, "stopped")


def _tokens(path: str) -> tuple[float, ...] | None:
    """The server's counts of tokens read and written; None where it does not answer, empty where it was told not to count."""
    counts = metrics(path, _PATIENCE)
    if not counts:
        return None
    return tuple(counts[name] for name in ("vllm:prompt_tokens_total", "vllm:generation_tokens_total") if name in counts)


def _keep_log(folder: Path, launch: Launch, owner: Process, started: float) -> None:
    if launch.logs is None or not (folder / "engine.log").exists():
        return
    from rephrase import storage

    with open(folder / "engine.log", "rb") as file:
        file.seek(max(0, os.path.getsize(file.name) - _KEPT_LOG))
        data = file.read()
    server = folder.name.rpartition("-")[2][:8]  # an executor may start several at once
    name = f"engine-{socket.gethostname()}-{owner.pid}-{server}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}.log"
    storage.put(storage.join(launch.logs, name), data)


def main(folder: Path) -> None:
    """Entry of the watchdog process, `python -m rephrase.engines.vllm.watchdog FOLDER`, which goes to the background at once."""
    file = open(folder / WATCHDOG_LOCK, "a", encoding="utf-8")  # noqa: SIM115  # held for life: the lock says that it runs
    fcntl.flock(file, fcntl.LOCK_EX)
    if os.fork():  # the lock belongs to both; the parent's end leaves it to the child
        os._exit(0)
    _watch(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
