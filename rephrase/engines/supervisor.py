"""One vLLM server per executor: who starts it, how others find it, and who ends it.

Python workers come and go, and a killed one orphans its children. So each server belongs to an *owner*, the executor's JVM
(or this process, where there is none), and a small process of its own, the supervisor, ends the server when the owner goes.
All that callers share is a state folder in the temporary folder: a lock, a status file, a Unix socket and the log.
This module needs the standard library only, because the supervisor must start fast and stay small.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rephrase.errors import StartError, UserError

_REMEMBER_FAILURE = 60.0  # seconds for which other tasks get a failed start's error instead of starting it again
_RECENT = 600.0  # seconds for which a server's death makes the next start wait
_WATCH = 10.0  # seconds between looks at whether a server makes progress
_KEPT_LOG = 10 << 20  # bytes of a log that are kept with the run
_OWNER_POLL = 1.0
_START_POLL = 0.25
_TERMINATION = 3.0  # seconds between SIGTERM and SIGKILL
_MAX_SOCKET_PATH = 100  # the kernel's limit for Unix sockets is 107 bytes


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken for a later one with the same number: its id, and its start in clock ticks since boot."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this id now; a dead one if there is none."""
        found = _status(pid)
        return cls(pid, found.start if found else -1)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        found = _status(self.pid)
        return found is not None and found.start == self.start and not found.dead


@dataclass(frozen=True, slots=True)
class Launch:
    """What a server is started with. Servers with equal launches (but for timeouts and logs) are the same server.

    `where` names the model in errors; `arguments` follow `python -m vllm.entrypoints.openai.api_server`; `devices` are the GPU
    addresses it holds, none on CPU; timeouts are in seconds; `logs` is the folder where its log is kept after its end.
    """

    where: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    devices: tuple[str, ...] = ()
    startup_timeout: float = field(default=900.0, compare=False)
    stall_timeout: float = field(default=300.0, compare=False)
    logs: str | None = field(default=None, compare=False)

    def digest(self) -> str:
        """Names the server among the owner's."""
        return _digest(self.where, self.arguments, self.environment, self.devices)

    def compiled_digest(self) -> str:
        """Names what vLLM compiles for it, which is the same on all devices of a machine."""
        return _digest(self.where, self.arguments, self.environment, len(self.devices))


def _digest(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server that answered: the Unix socket it listens on, its log file, its process, its context in tokens, vLLM's version."""

    socket: str
    log: str
    process: Process
    max_model_len: int | None
    version: str = ""

    @property
    def folder(self) -> Path:
        """The state folder that its callers share."""
        return Path(self.socket).parent


def find_owner() -> Process:
    """The executor that this process works for: the nearest ancestor that is a JVM, or this process itself.

    Raises `UserError` where there is no /proc.
    """
    if not os.path.exists("/proc/self/stat"):
        raise UserError("a vLLM server of our own needs Linux", where="engine", cure="use `kind: endpoint` with a server that you start")
    pid = os.getpid()
    while pid > 1:
        found = _status(pid)
        if found is None:
            break
        if _command(pid) == "java":
            return Process.of(pid)
        pid = found.parent
    return Process.of(os.getpid())


def find_or_start(launch: Launch, owner: Process | None = None) -> ServerInfo:
    """The owner's server for this launch, started if it does not run. Blocks until it answers.

    A server of the same owner with another launch on the same devices is waited for and ended first: an executor has one engine.
    Raises `UserError` with the server's own reason when it does not start, for a minute also to callers who come later.
    """
    owner = owner or find_owner()
    base = _base_folder()
    _sweep(base)
    folder = _make_private(base / f"{owner.pid}-{owner.start}-{launch.digest()}")
    deadline = _latest_start(launch)
    while time.monotonic() < deadline:
        status = _read_status(folder)
        if status.get("state") == "queued":  # another server of this machine compiles; the clock starts after it
            deadline = _latest_start(launch)
        if not _supervised(folder):
            with _locked(folder / "lock"):
                status = _read_status(folder)
                if not _supervised(folder):  # nobody started it while this caller waited for the lock
                    if status.get("state") == "failed" and time.time() - status["at"] < _REMEMBER_FAILURE:
                        raise _start_error(launch, folder, status["error"])
                    time.sleep(_back_off(status.get("deaths", [])))
                    _end_rivals(base, folder, owner, launch)
                    _spawn(folder, owner, launch)
                    continue
        elif status.get("state") == "ready":
            process = Process(*status["engine"])
            if process.alive:
                socket_path, log = str(folder / "socket"), str(folder / "engine.log")
                return ServerInfo(socket_path, log, process, status["max_model_len"], status.get("version", ""))
        time.sleep(_START_POLL)
    raise _start_error(launch, folder, f"no server after {launch.startup_timeout:g} s")


def _latest_start(launch: Launch) -> float:
    return time.monotonic() + launch.startup_timeout + 60  # the supervisor's own timeout comes first


def _back_off(deaths: list[float]) -> float:
    """Seconds to wait before the next start: none after the first two deaths of late, then 1, 2, 4 and 8."""
    recent = [at for at in deaths if time.time() - at < _RECENT]
    wait = min(8.0, 2.0 ** (len(recent) - 3)) if len(recent) > 2 else 0.0
    return max(0.0, wait - (time.time() - recent[-1])) if recent else 0.0


def figures(info: ServerInfo) -> dict[str, Any]:
    """A server's name, and its counts since its start: tokens written, looked up in the prefix cache, and found there."""
    counts = _metrics(info.socket)
    names = {
        "generation_tokens": "vllm:generation_tokens_total",
        "cache_queries": "vllm:prefix_cache_queries_total",
        "cache_hits": "vllm:prefix_cache_hits_total",
    }
    name = f"{socket.gethostname()}-{info.process.pid}-{info.process.start}"
    return {"server": name, **{key: counts[metric] for key, metric in names.items() if metric in counts}}


@contextlib.contextmanager
def in_use(info: ServerInfo) -> Iterator[None]:
    """While this is held, nobody ends the server to make room for another."""
    with _locked(Path(info.socket).with_name("users"), shared=True):
        yield


def stop(info: ServerInfo) -> None:
    """End the server and wait until it is gone."""
    _stop(Path(info.socket).parent)


def stop_all(owner: Process) -> None:
    """End every server of the owner and wait until they are gone."""
    for folder in _folders(_base_folder()):
        if _owner_of(folder) == owner:
            _stop(folder)


def log_errors(log: str) -> str:
    """The line of a vLLM log that says why it died, without time stamps and traces; empty if there is none."""
    lines = [_PREFIX.sub("", line.rstrip()) for line in log.splitlines()]
    found = ""
    for number, line in enumerate(lines):
        match = _ERROR_LINE.match(line)
        if not match or _CONSEQUENCE.search(line):
            continue
        found = match.group(1) or match.group(2)
        if "validation error" in line:  # pydantic puts its reasons into the next lines
            reasons = (text.strip().removeprefix("Value error, ") for text in lines[number + 1 :] if text.startswith("  "))
            found = re.sub(r"\s*\[type=.*", "", next(reasons, found))
    return found[:400]


_PREFIX = re.compile(r"^(?:\([\w .:-]*pid=\d+\)\s*)?(?:(?:ERROR|CRITICAL|WARNING|INFO) \d\d-\d\d [\d:]+ \[[^\]]*\]\s?)?")
_ERROR_LINE = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception)\b(?:: .+)?)$|^\S+\.py: error: (.+)$")
# Errors that only report that another process of the server has died, whose own error stands above.
_CONSEQUENCE = re.compile(
    r"Engine core initialization failed|EngineCore encountered|Executor failed|WorkerProc initialization failed|CancelledError"
)


def _start_error(launch: Launch, folder: Path, reason: str) -> StartError:
    return StartError(
        f"vLLM does not start: {reason}", where=launch.where, cure=f"its log on {socket.gethostname()} is {folder / 'engine.log'}"
    )


# --- processes ---


class _Status(NamedTuple):
    dead: bool
    parent: int
    session: int
    start: int


def _status(pid: int) -> _Status | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold spaces
    return _Status(fields[0] in "ZX", int(fields[1]), int(fields[3]), int(fields[19]))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _members(server: Process) -> list[int]:
    """Living processes of the server's session, be its first process alive or not."""
    first = _status(server.pid)
    if first is not None and first.start != server.start:
        return []  # the number went to another process, which it cannot while the session has members
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if (found := _status(pid)) and found.session == server.pid and not found.dead]


def _end(folder: Path) -> None:
    """End the processes of the folder's server."""
    engine = _read_status(folder).get("engine")
    if engine is not None:
        _end_members(Process(*engine))


def _end_members(server: Process) -> None:
    """End all processes of a server's session: asked first, killed after three seconds."""
    deadline = time.monotonic() + _TERMINATION
    asked = False
    while members := _members(server):
        late = time.monotonic() > deadline
        for pid in members:
            if late or not asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked = True
        time.sleep(0.05)


# --- the state folder ---


def _base_folder() -> Path:
    folder = Path(tempfile.gettempdir())
    name = f"rephrase-{os.getuid()}"
    if len(str(folder / name)) + 60 > _MAX_SOCKET_PATH:
        folder = Path("/tmp")  # noqa: S108  # private by its mode; only here do long temporary folders leave room for a socket
    return _make_private(folder / name)


def _make_private(folder: Path) -> Path:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UserError("the folder belongs to someone else, or others can enter it", where=str(folder), cure="remove it, or set TMPDIR")
    return folder


def _folders(base: Path) -> list[Path]:
    return [f for f in base.iterdir() if re.fullmatch(r"\d+-\d+-[0-9a-f]{16}", f.name)]


def _owner_of(folder: Path) -> Process:
    pid, start, _ = folder.name.split("-")
    return Process(int(pid), int(start))


def _sweep(base: Path) -> None:
    """Remove what dead owners left, should a supervisor have been killed before it could."""
    for folder in _folders(base):
        if not _owner_of(folder).alive and not _supervised(folder):
            _end(folder)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def _supervised(folder: Path) -> bool:
    """Whether a supervisor runs: it holds a lock as long as it lives."""
    try:
        file = open(folder / "supervisor", encoding="utf-8")  # noqa: SIM115  # closed below
    except OSError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _read_status(folder: Path) -> dict[str, Any]:
    try:
        status: dict[str, Any] = json.loads((folder / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return status


def _write_status(folder: Path, state: str, **more: Any) -> None:
    """What callers know of the server. Its process stays known after its end: it may have left others behind."""
    status = _read_status(folder) | {"state": state, "at": time.time()} | more
    temporary = folder / "status.tmp"
    temporary.write_text(json.dumps(status))
    temporary.replace(folder / "status.json")


def _spawn(folder: Path, owner: Process, launch: Launch) -> None:
    """Start the supervisor, which goes its own way at once: it is nobody's child and outlives the caller."""
    _end(folder)
    (folder / "stop").unlink(missing_ok=True)
    (folder / "socket").unlink(missing_ok=True)
    _write_status(folder, "starting")
    (folder / "launch.json").write_text(json.dumps([asdict(owner), asdict(launch), os.environ.get("PYTHONPATH")]))
    # Spark may have put this package on the path at run time, so that the environment alone would not find it.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(p) for p in sys.path)}
    with open(folder / "supervisor.log", "wb") as log:
        command = [sys.executable, "-m", "rephrase.engines.supervisor", str(folder)]
        done = subprocess.run(  # noqa: S603  # ourselves
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=False
        )
    if done.returncode:
        reason = (folder / "supervisor.log").read_text(errors="replace").strip().split("\n")[-1]
        raise _start_error(launch, folder, f"its supervisor failed: {reason}")


def _end_rivals(base: Path, folder: Path, owner: Process, launch: Launch) -> None:
    for rival in _folders(base):
        if rival == folder or _owner_of(rival) != owner or not _supervised(rival):
            continue
        _, other, _ = json.loads((rival / "launch.json").read_text())
        if set(other["devices"]) & set(launch.devices) or not (other["devices"] and launch.devices):
            deadline = time.monotonic() + launch.startup_timeout
            while not _stop_if_idle(rival):
                if time.monotonic() > deadline:
                    raise _start_error(launch, rival, f"the server of {other['where']} is still in use on the same devices")
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
    while _supervised(folder):
        time.sleep(0.1)
    _end(folder)


# --- the supervisor process ---


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _get(path: str, resource: str) -> tuple[int, bytes]:
    """Status and body of a GET on the server's socket; status 0 where nobody answers."""
    connection = _UnixConnection(path, timeout=10)
    try:
        connection.request("GET", resource)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


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


def _how_it_ended(folder: Path, code: int) -> str:
    if reason := log_errors((folder / "engine.log").read_text(errors="replace")):
        return reason
    if code < 0:
        name = signal.Signals(-code).name
        return f"the process was killed by {name}" + (
            ", which is what a machine does that runs out of memory" if code == -signal.SIGKILL else ""
        )
    return f"the process ended with code {code}"


def _supervise(folder: Path) -> None:
    """Run the server until it dies, the owner goes, or someone asks for its end."""
    owner_fields, launch_fields, python_path = json.loads((folder / "launch.json").read_text())
    owner, launch = Process(**owner_fields), Launch(**launch_fields)
    started = time.time()
    process: Process | None = None
    try:
        with _first_compilation(folder, launch, owner) as compiled:
            server = _start_server(folder, launch, python_path)
            process = Process.of(server.pid)
            _write_status(folder, "starting", engine=[process.pid, process.start])
            if not _until_ready(folder, launch, owner, server):
                return
            compiled.touch()
        _until_end(folder, launch, owner, server)
    finally:  # also where somebody has emptied the temporary folder under the server
        if process is not None:
            _end_members(process)
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
                _write_status(folder, "queued")
                time.sleep(_OWNER_POLL)
        yield compiled


def _until_ready(folder: Path, launch: Launch, owner: Process, server: subprocess.Popen[bytes]) -> bool:
    path = str(folder / "socket")
    deadline = time.monotonic() + launch.startup_timeout
    while owner.alive and not (folder / "stop").exists():
        code = server.poll()
        if code is not None:
            _write_status(folder, "failed", error=_how_it_ended(folder, code))
            return False
        if _get(path, "/health")[0] == http.HTTPStatus.OK:
            models = json.loads(_get(path, "/v1/models")[1])["data"]
            version = json.loads(_get(path, "/version")[1] or b"{}").get("version", "")
            _write_status(folder, "ready", max_model_len=models[0].get("max_model_len"), version=version)
            return True
        if time.monotonic() > deadline:
            _write_status(folder, "failed", error=f"no answer within {launch.startup_timeout:g} s (startup_timeout)")
            return False
        time.sleep(_START_POLL)
    _write_status(folder, "stopped")
    return False


def _until_end(folder: Path, launch: Launch, owner: Process, server: subprocess.Popen[bytes]) -> None:
    path = str(folder / "socket")
    progress: tuple[float, ...] = ()
    moved = looked = time.monotonic()
    while owner.alive and folder.exists() and not (folder / "stop").exists():
        code = server.poll()
        now = time.monotonic()
        if code is None and now - looked >= _WATCH:
            looked = now
            found = _progress(path)
            if found is not None and (found != progress or not found[0]):  # written something, or nothing to do
                progress, moved = found, now
        stalled = now - moved > launch.stall_timeout
        if code is not None or stalled:
            error = f"no progress for {launch.stall_timeout:g} s (stall_timeout)" if code is None else _how_it_ended(folder, code)
            deaths = [*_read_status(folder).get("deaths", []), time.time()][-10:]
            _write_status(folder, "dead", error=error, deaths=deaths)
            return
        time.sleep(_OWNER_POLL)
    if folder.exists():
        _write_status(folder, "stopped")


def _progress(path: str) -> tuple[float, ...] | None:
    """Requests that the server runs, and its counts of tokens read and written; None where it does not answer."""
    counts = _metrics(path)
    if not counts:
        return None
    # A server that was told to keep no statistics is taken for idle.
    return (
        counts.get("vllm:num_requests_running", 0),
        counts.get("vllm:prompt_tokens_total", 0),
        counts.get("vllm:generation_tokens_total", 0),
    )


def _metrics(path: str) -> dict[str, float]:
    """The server's metrics, summed over their labels; empty where it does not answer."""
    counts: dict[str, float] = {}
    for line in _get(path, "/metrics")[1].decode(errors="replace").splitlines():
        name, value = line.partition("{")[0].partition(" ")[0], line.rsplit(" ", 1)[-1]
        if name and not name.startswith("#"):
            with contextlib.suppress(ValueError):
                counts[name] = counts.get(name, 0.0) + float(value)
    return counts


def _keep_log(folder: Path, launch: Launch, owner: Process, started: float) -> None:
    if launch.logs is None or not (folder / "engine.log").exists():
        return
    from rephrase import storage

    with open(folder / "engine.log", "rb") as file:
        file.seek(max(0, os.path.getsize(file.name) - _KEPT_LOG))
        data = file.read()
    name = f"engine-{socket.gethostname()}-{owner.pid}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}.log"
    storage.put(storage.join(launch.logs, name), data)


def main(folder: Path) -> None:
    """Entry of the supervisor process, `python -m rephrase.engines.supervisor FOLDER`, which goes to the background at once."""
    file = open(folder / "supervisor", "a", encoding="utf-8")  # noqa: SIM115  # held for life: the lock says that it runs
    fcntl.flock(file, fcntl.LOCK_EX)
    if os.fork():  # the lock belongs to both; the parent's end leaves it to the child
        os._exit(0)
    _supervise(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
