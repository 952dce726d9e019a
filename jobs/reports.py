"""What tasks tell the driver while a job runs: Spark itself would tell only after its last retry.

Reports are small objects in a folder of the run's own. Four kinds: an executor that has been given a task, an error that ends the run at
once, an engine that does not start on one executor, and a task that fails for a reason of its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import time
import traceback
from dataclasses import dataclass
from typing import NamedTuple

from rephrase import storage
from rephrase.errors import StartError, TaskError, UserError, from_json

_EXECUTOR, _FATAL, _NOT_STARTED, _BROKEN = "executor", "fatal", "not-started", "broken"
_TRIES = 3  # a task that fails so often by an error in it would fail for ever
_NEXT_TRY = 10.0  # seconds that a task waits where another try would fail as well: its place is then taken by others, or its job ended


class Found(NamedTuple):
    """What was reported so far. Executors are named alike in both fields."""

    fatal: UserError | None  # ends the run
    executors: frozenset[str]  # all that have been given a task of the job
    not_started: dict[str, UserError]  # those whose engine does not start, with its last error


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of one job, by both sides."""

    folder: str

    def began(self) -> None:
        """In a task: report the executor that it runs on. No kind of session tells the driver which executors work for a job."""
        _report_executor(self.folder)

    def done(self) -> None:
        """In a task: take back that the engine does not start here; it did, at another try."""
        storage.delete(self._not_started())

    def failed(self, task: int, error: BaseException) -> None:
        """In a task: report its error and raise it in a form that the driver knows."""
        if isinstance(error, StartError):
            storage.put(self._not_started(), error.json().encode())
            time.sleep(_NEXT_TRY)
            raise TaskError(error) from error
        if isinstance(error, UserError):
            self._put(_FATAL, error)
            raise TaskError(error) from error
        if isinstance(error, Exception):
            self._put(f"{_BROKEN}-{task}-{time.time_ns()}", _as_user_error(error))
            if len(_of_kind(f"{_BROKEN}-{task}", self._names())) >= _TRIES:
                self._put(_FATAL, _as_user_error(error))
                time.sleep(_NEXT_TRY)  # the driver, which looks now and then, ends the job meanwhile
        raise error

    def look(self) -> Found:
        """On the driver: what was reported so far."""
        names = self._names()
        not_started = {}
        for executor in _of_kind(_NOT_STARTED, names):
            with contextlib.suppress(FileNotFoundError):  # taken back meanwhile
                not_started[executor] = self._read(f"{_NOT_STARTED}-{executor}")
        return Found(self._read(_FATAL) if _FATAL in names else None, frozenset(_of_kind(_EXECUTOR, names)), not_started)

    def _not_started(self) -> str:
        return storage.join(self.folder, f"{_NOT_STARTED}-{_executor()}")

    def _names(self) -> list[str]:
        return [storage.name_of(file.path) for file in storage.list_files(self.folder)]

    def _put(self, name: str, error: UserError) -> None:
        storage.put(storage.join(self.folder, name), error.json().encode())

    def _read(self, name: str) -> UserError:
        return from_json(storage.read(storage.join(self.folder, name)).decode())


def _of_kind(kind: str, names: list[str]) -> list[str]:
    return [name.removeprefix(f"{kind}-") for name in names if name.startswith(f"{kind}-")]


# Both are cached, as a Python worker does many tasks and belongs to one executor.


@functools.lru_cache(maxsize=8)
def _report_executor(folder: str) -> None:
    storage.create(storage.join(folder, f"{_EXECUTOR}-{_executor()}"), b"")


@functools.cache
def _executor() -> str:
    from rephrase.engines.processes import find_owner

    return f"{socket.gethostname()}-{find_owner().pid}"


def _as_user_error(error: Exception) -> UserError:
    said = traceback.format_exception_only(error)[-1].strip()
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" (in {os.path.basename(frame[0].filename)}, line {frame[0].lineno})" if frame else ""
    return UserError(f"a Spark task failed: {said}{place}", cure="the executor's log has the whole traceback; run again to resume")
