"""One vLLM server per executor: found by all its tasks, started by the first of them.

Python workers come and go, and a killed one orphans its children. So each server belongs to an *owner*, the executor's JVM
(or this process, where there is none), and a small process of its own, the watchdog, ends the server when the owner goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rephrase.engines.processes import Process, find_owner
from rephrase.engines.vllm.server_folder import (
    WATCHDOG_LOG,
    Launch,
    base_folder,
    end_server,
    has_watchdog,
    locked,
    make_private,
    metrics,
    owner_of,
    read_status,
    server_folders,
    write_status,
)
from rephrase.engines.vllm.starting import StartTold
from rephrase.errors import StartError
from rephrase.live.figures import ServerFigures
from rephrase.notes import EngineFigures

_REMEMBER_FAILURE = 60.0  # seconds for which other tasks get a failed start's error instead of starting it again
_RECENT = 600.0  # seconds for which a server's death makes the next start wait
_VERDICT = 5.0  # seconds in which a watchdog says why its server died
_START_POLL = 0.25
_PATIENCE = 3.0  # seconds for an answer that nobody waits for


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server that answered: the Unix socket it listens on, its log file, its process, its context in tokens, vLLM's version."""

    socket: str
    log: str
    process: Process
    max_model_len: int | None
    version: str = ""

    @property
    def name(self) -> str:
        """Its name among all servers of a run."""
        return f"{socket.gethostname()}-{self.process.pid}-{self.process.start}"

    @property
    def folder(self) -> Path:
        """The state folder that its callers share."""
        return Path(self.socket).parent


def find_or_start(launch: Launch, owner: Process | None = None) -> ServerInfo:
    """The owner's server for this launch, started if it does not run. Blocks until it answers.

    A server of the same owner with another launch on the same devices is waited for and ended first: an executor has one engine.
    Tells how it goes if it is this caller that starts it. Raises `UserError` with the server's own reason when it does not start, for a
    minute also to callers who come later.
    """
    owner = owner or find_owner()
    told: StartTold | None = None
    base = base_folder()
    _sweep(base)
    folder = make_private(base / f"{owner.pid}-{owner.start}-{launch.digest()}")
    deadline = _latest_start(launch)
    while time.monotonic() < deadline:
        status = read_status(folder)
        if status.get("state") == "queued":  # another server of this machine compiles; the clock starts after it
            deadline = _latest_start(launch)
        if not has_watchdog(folder):
            with locked(folder / "lock"):
                status = read_status(folder)
                if not has_watchdog(folder):  # nobody started it while this caller waited for the lock
                    if status.get("state") == "failed" and time.time() - status["at"] < _REMEMBER_FAILURE:
                        raise _start_error(launch, folder, status["error"])
                    time.sleep(_back_off(status.get("deaths", [])))
                    _end_rivals(base, folder, owner, launch)
                    told = StartTold(launch, folder)
                    _spawn(folder, owner, launch)
                    continue
        elif status.get("state") == "ready":
            process = Process(*status["engine"])
            if process.alive:
                if told:
                    told.ready()
                socket_path, log = str(folder / "socket"), str(folder / "engine.log")
                return ServerInfo(socket_path, log, process, status["max_model_len"], status.get("version", ""))
        if told:
            told.look()
        time.sleep(_START_POLL)
    raise _start_error(launch, folder, f"no server after {launch.startup_timeout:g} s")


def _latest_start(launch: Launch) -> float:
    return time.monotonic() + launch.startup_timeout + 60  # the watchdog's own timeout comes first


def _back_off(deaths: list[float]) -> float:
    """Seconds to wait before the next start: none after the first two deaths of late, then 1, 2, 4 and 8."""
    recent = [at for at in deaths if time.time() - at < _RECENT]
    wait = min(8.0, 2.0 ** (len(recent) - 3)) if len(recent) > 2 else 0.0
    return max(0.0, wait - (time.time() - recent[-1])) if recent else 0.0


def figures(info: ServerInfo) -> EngineFigures:
    """A server's name and counts, as far as it tells them."""
    counts = metrics(info.socket)
    return EngineFigures(
        server=info.name,
        generation_tokens=counts.get("vllm:generation_tokens_total"),
        cache_queries=counts.get("vllm:prefix_cache_queries_total"),
        cache_hits=counts.get("vllm:prefix_cache_hits_total"),
    )


def figures_now(info: ServerInfo) -> ServerFigures | None:
    """What a server is at, and its counts; None where it does not answer soon, or was told not to count."""
    counts = metrics(info.socket, _PATIENCE)
    if "vllm:generation_tokens_total" not in counts:
        return None
    return ServerFigures(
        server=info.name,
        at=time.time(),
        running=int(counts.get("vllm:num_requests_running", 0)),
        waiting=int(counts.get("vllm:num_requests_waiting", 0)),
        tokens=counts["vllm:generation_tokens_total"],
        answers=counts.get("vllm:request_success_total"),
        cache_queries=counts.get("vllm:prefix_cache_queries_total", 0.0),
        cache_hits=counts.get("vllm:prefix_cache_hits_total", 0.0),
    )


def has_queue(info: ServerInfo) -> bool:
    """Whether requests wait for a place in the server's batch, or it is too busy to say; the watchdog ends one that hangs."""
    counts = metrics(info.socket)
    return not counts or counts.get("vllm:num_requests_waiting", 0) > 0


@contextlib.contextmanager
def in_use(info: ServerInfo) -> Iterator[None]:
    """While this is held, nobody ends the server to make room for another."""
    with locked(Path(info.socket).with_name("users"), shared=True):
        yield


def stop(info: ServerInfo) -> None:
    """End the server and wait until it is gone."""
    _stop(Path(info.socket).parent)


def stop_all(owner: Process) -> None:
    """End every server of the owner and wait until they are gone."""
    for folder in server_folders(base_folder()):
        if owner_of(folder) == owner:
            _stop(folder)


def dies_of_anything(launch: Launch, info: ServerInfo) -> StartError:
    """The error to raise for a server that starts, but has just died under a request that harms none."""
    deadline = time.monotonic() + _VERDICT
    while read_status(info.folder).get("state") == "ready" and time.monotonic() < deadline:
        time.sleep(_START_POLL)
    return _error(launch, info.folder, f"vLLM dies under any request: {read_status(info.folder).get('error', '')}")


def _start_error(launch: Launch, folder: Path, reason: str) -> StartError:
    return _error(launch, folder, f"vLLM does not start: {reason}")


def _error(launch: Launch, folder: Path, what: str) -> StartError:
    return StartError(what, where=launch.where, cure=f"its log on {socket.gethostname()} is {folder / 'engine.log'}")


def _sweep(base: Path) -> None:
    """Remove what dead owners left, should a watchdog have been killed before it could."""
    for folder in server_folders(base):
        if not owner_of(folder).alive and not has_watchdog(folder):
            end_server(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _spawn(folder: Path, owner: Process, launch: Launch) -> None:
    """Start the watchdog, which goes its own way at once: it is nobody's child and outlives the caller."""
    end_server(folder)
    (folder / "stop").unlink(missing_ok=True)
    (folder / "socket").unlink(missing_ok=True)
    write_status(folder, "starting")
    (folder / "launch.json").write_text(json.dumps([asdict(owner), asdict(launch), os.environ.get("PYTHONPATH")]))
    # Spark may have put this package on the path at run time, so that the environment alone would not find it.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path)}
    with open(folder / WATCHDOG_LOG, "wb") as log:
        command = [sys.executable, "-m", "rephrase.engines.vllm.watchdog", str(folder)]
        process = subprocess.run(  # noqa: S603  # ourselves
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=False
        )
    if process.returncode:
        reason = (folder / WATCHDOG_LOG).read_text(errors="replace").strip().split("\n")[-1]
        raise _start_error(launch, folder, f"its watchdog failed: {reason}")


def _end_rivals(base: Path, folder: Path, owner: Process, launch: Launch) -> None:
    for rival in server_folders(base):
        if rival == folder or owner_of(rival) != owner or not has_watchdog(rival):
            continue
        _, launched, _ = json.loads((rival / "launch.json").read_text())
        if set(launched["devices"]) & set(launch.devices) or not (launched["devices"] and launch.devices):
            deadline = time.monotonic() + launch.startup_timeout
            while not _stop_if_idle(rival):
                if time.monotonic() > deadline:
                    raise _start_error(launch, rival, f"the server of {launched['where']} is still in use on the same devices")
                time.sleep(_START_POLL)


def _stop_if_idle(folder: Path) -> bool:
    with open(folder / "users", "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        _stop(folder)
    return True


def _stop(folder: Path) -> None:
    (folder / "stop").touch()
    while has_watchdog(folder):
        time.sleep(0.1)
    end_server(folder)
