"""Where the Python workers of one executor leave their figures of a job for each other: a folder of the machine."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rephrase.engines.processes import Process, find_owner
from rephrase.engines.vllm.server_folder import base_folder, make_private
from rephrase.live.executor import executor_figures
from rephrase.live.figures import ExecutorFigures, Kept, ServerFigures, WorkerFigures
from rephrase.spark.runtime.gpu_busy import gpu_busy

SomeFigures = TypeVar("SomeFigures", bound=Kept)
_PREFIX = "live-"
_COARSE = 1.0  # seconds by which a file system's time may be ahead
_FORGOTTEN = 3600.0  # seconds after which a living executor tells no more of a job


class MachineFolder:
    """The folder of one executor and one job. Raises `OSError` where the machine has no room."""

    def __init__(self, job: str, executor: str) -> None:
        """Made if need be; what older jobs left is then removed. `job` names the job among all, `executor` the executor to its driver."""
        base, owner = base_folder(), find_owner()
        self._path = base / f"{_PREFIX}{owner.pid}-{owner.start}-{hashlib.blake2b(job.encode(), digest_size=8).hexdigest()}"
        self._executor = executor
        if not self._path.exists():
            for other in base.glob(f"{_PREFIX}*"):
                if _age(other) > _FORGOTTEN or not _is_of_living(other):
                    shutil.rmtree(other, ignore_errors=True)
        make_private(self._path)

    def put_worker(self, figures: WorkerFigures) -> None:
        """Leave the figures of this process in place of those before."""
        self._put(f"worker-{figures.pid}-{figures.start}", figures)

    def put_server(self, figures: ServerFigures) -> None:
        """Leave what a server has told; the first time of the job also for the difference."""
        self._put(f"last-{figures.server}", figures)
        with contextlib.suppress(FileExistsError), open(self._file(f"first-{figures.server}"), "xb") as file:
            file.write(figures.to_json())

    def mark(self, name: str) -> None:
        """Leave a mark for all workers of the executor. Where there is no room, none is left."""
        with contextlib.suppress(OSError):
            (self._path / name).touch()

    def take_mark(self, name: str) -> bool:
        """Whether a mark was there, which then goes; also where the folder has gone, and nobody can tell."""
        try:
            (self._path / name).unlink()
        except FileNotFoundError:
            return not self._path.exists()
        except OSError:
            return True
        return True

    def age_of_server(self, server: str) -> float:
        """Seconds since a server was asked, by whichever worker; infinite where it was not."""
        return _age(self._file(f"last-{server}"))

    @contextlib.contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether it is this worker's turn to tell of the executor: whether no other one is at it."""
        with open(self._path / "lock", "a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @property
    def age(self) -> float:
        """Seconds since the executor's figures were told last; infinite where they were not."""
        return _age(self._file("told"))

    def put_told(self, figures: ExecutorFigures) -> None:
        """Leave what was told, to be gone on from."""
        self._put("told", figures)

    def added_up(self, gpus: Sequence[str]) -> ExecutorFigures:
        """The executor's figures now, with how busy its GPUs are."""
        workers = [_as_it_stands(worker) for worker in self._read_all("worker-", WorkerFigures)]
        last = {figures.server: figures for figures in self._read_all("last-", ServerFigures)}
        servers = [(first, last[first.server]) for first in self._read_all("first-", ServerFigures) if first.server in last]
        before = next(self._read_all("told", ExecutorFigures), None)
        return executor_figures(self._executor, time.time(), workers, servers, before, gpu_busy(gpus))

    def _file(self, name: str) -> Path:
        return self._path / f"{name}.json"

    def _put(self, name: str, figures: Kept) -> None:
        temporary = self._path / f"{name}.{os.getpid()}"
        temporary.write_bytes(figures.to_json())
        temporary.replace(self._file(name))

    def _read_all(self, prefix: str, kind: type[SomeFigures]) -> Iterator[SomeFigures]:
        for path in sorted(self._path.glob(f"{prefix}*.json")):
            with contextlib.suppress(OSError):
                figures = kind.from_json(path.read_bytes())
                if figures is not None:
                    yield figures


def _is_of_living(folder: Path) -> bool:
    """Whether the executor that a folder is named after lives; a name that none gave is of nobody."""
    try:
        pid, start, _ = folder.name.removeprefix(_PREFIX).split("-")
        return Process(int(pid), int(start)).alive
    except ValueError:
        return False


def _as_it_stands(worker: WorkerFigures) -> WorkerFigures:
    """What a process has done; of one that is gone without what it was at, which nobody is."""
    if Process(worker.pid, worker.start).alive:
        return worker
    done = worker.answers - worker.answered
    return WorkerFigures(
        pid=worker.pid,
        server=worker.server,
        returned=worker.returned,
        tokens=worker.tokens,
        answers=done,
        failed=min(worker.failed, done),
        causes=worker.causes,
    )


def _age(path: Path) -> float:
    """Seconds since a file was written; infinite where it is not there, or by the clock yet to come: then the clock was set back."""
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
    return age if age > -_COARSE else float("inf")
