"""The state folder of a vLLM server, which is all that its callers and its watchdog share: a lock, a status, a socket, a log.

Standard library only, because the watchdog must start fast and stay small.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rephrase.engines.processes import Process, end_members
from rephrase.errors import UserError

WATCHDOG_LOCK, WATCHDOG_LOG = "watchdog.lock", "watchdog.log"
_MAX_SOCKET_PATH = 100  # the kernel's limit for Unix sockets is 107 bytes


@dataclass(frozen=True, slots=True)
class Launch:
    """What a server is started with. Servers with equal launches (but for timeouts, logs and reasons) are the same server.

    `where` names the model in errors; `arguments` follow `python -m vllm.entrypoints.openai.api_server`; `devices` are the GPU
    addresses it holds, none on CPU and where Spark names none; `on_processor` says which of both; timeouts are in seconds; `logs` is the
    folder where its log is kept after its end; `reasons` tell users of what they did not ask for, "computes in float32, because …".
    """

    where: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    devices: tuple[str, ...] = ()
    on_processor: bool = field(default=False, compare=False)
    startup_timeout: float = field(default=900.0, compare=False)
    stall_timeout: float = field(default=300.0, compare=False)
    logs: str | None = field(default=None, compare=False)
    reasons: tuple[str, ...] = field(default=(), compare=False)

    def digest(self) -> str:
        """Names the server among the owner's."""
        return _digest(self.where, self.arguments, self.environment, self.devices)

    def compiled_digest(self) -> str:
        """Names what vLLM compiles for it, which is the same on all devices of a machine."""
        return _digest(self.where, self.arguments, self.environment, len(self.devices))


def _digest(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


def base_folder() -> Path:
    """The folder of this user's servers on this machine, made if need be. Raises `UserError` as `make_private` does.

    It lies in the first temporary folder that leaves room for a socket's path, and in which others cannot put theirs in its place.
    """
    name = f"rephrase-{os.getuid()}"
    folders = [Path(folder) for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp")]  # noqa: S108  # private by its mode
    for folder in folders:
        if len(str(folder / name)) + 60 <= _MAX_SOCKET_PATH and _keeps_names(folder):
            return make_private(folder / name)
    what = "all users may rename what lies in the temporary folders, so that another's socket could take the place of the engine's"
    raise UserError(
        what, where=", ".join(dict.fromkeys(map(str, folders))), cure="chmod +t one of them, or set TMPDIR to a folder of yours"
    )


def _keeps_names(folder: Path) -> bool:
    """Whether nobody but its owner can rename or remove what others have put there."""
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return not mode & 0o002 or bool(mode & stat.S_ISVTX)


def make_private(folder: Path) -> Path:
    """The folder, made if need be. Raises `UserError` where it is another user's, or others can enter it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    entry = folder.lstat()
    if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.getuid() or entry.st_mode & 0o077:
        raise UserError("the folder belongs to someone else, or others can enter it", where=str(folder), cure="remove it, or set TMPDIR")
    return folder


def server_folders(base: Path) -> list[Path]:
    """The state folders of all servers, dead ones too."""
    return [f for f in base.iterdir() if re.fullmatch(r"\d+-\d+-[0-9a-f]{16}", f.name)]


def owner_of(folder: Path) -> Process:
    """The process that the server of this state folder belongs to."""
    pid, start, _ = folder.name.split("-")
    return Process(int(pid), int(start))


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a file, alone or with others. Waits for it; the kernel lets go of it when this process dies."""
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def has_watchdog(folder: Path) -> bool:
    """Whether a watchdog runs: it holds a lock as long as it lives."""
    try:
        file = open(folder / WATCHDOG_LOCK, encoding="utf-8")  # noqa: SIM115  # closed below
    except OSError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_status(folder: Path) -> dict[str, Any]:
    """What `write_status` has written last; empty before that."""
    try:
        status: dict[str, Any] = json.loads((folder / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return status


def write_status(folder: Path, state: str, **more: Any) -> None:
    """Write what callers know of the server: its `state`, `at` which Unix time it came to that, and `more`.

    What is not in `more` stays as it was. So the server's process stays known after its end: it may have left others behind.
    """
    status = read_status(folder) | {"state": state, "at": time.time()} | more
    temporary = folder / "status.tmp"
    temporary.write_text(json.dumps(status))
    temporary.replace(folder / "status.json")


def end_server(folder: Path) -> None:
    """End the processes of the folder's server."""
    engine = read_status(folder).get("engine")
    if engine is not None:
        end_members(Process(*engine))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(path: str, resource: str, timeout: float = 10.0) -> tuple[int, bytes]:
    """Status and body of a GET on the server's socket; status 0 where nobody answers within `timeout` seconds."""
    connection = _UnixConnection(path, timeout)
    try:
        connection.request("GET", resource)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def metrics(path: str, timeout: float = 10.0) -> dict[str, float]:
    """The server's metrics, summed over their labels; empty where it does not answer."""
    counts: dict[str, float] = {}
    for line in get(path, "/metrics", timeout)[1].decode(errors="replace").splitlines():
        name, value = line.partition("{")[0].partition(" ")[0], line.rsplit(" ", 1)[-1]
        if name and not name.startswith("#"):
            with contextlib.suppress(ValueError):
                counts[name] = counts.get(name, 0.0) + float(value)
    return counts
