"""What tasks tell the driver while a job runs: Spark itself would tell only after its last retry.

Reports are small objects in a folder of the run's own. Three kinds: an error that ends the run at once, an engine that does not
start on one executor, and a task that fails for a reason of its own.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from dataclasses import dataclass

from rephrase import storage
from rephrase.errors import StartError, TaskError, UserError, from_json

_FATAL, _NOT_STARTED, _BROKEN = "fatal", "not-started", "broken"
_TRIES = 3  # a task that fails so often by an error in it would fail for ever
_NEXT_TRY = 10.0  # seconds that a task waits on an executor whose engine does not start, so that others take its place


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of one job, by both sides."""

    folder: str

    def failed(self, task: int, error: BaseException) -> None:
        """In a task: report its error and raise it in a form that the driver knows."""
        if isinstance(error, StartError):
            self._put(f"{_NOT_STARTED}-{_executor()}", error)
            time.sleep(_NEXT_TRY)
            raise TaskError(error) from error
        if isinstance(error, UserError):
            self._put(_FATAL, error)
            raise TaskError(error) from error
        if isinstance(error, Exception):
            self._put(f"{_BROKEN}-{task}-{time.time_ns()}", _as_user_error(error))
            if sum(name.startswith(f"{_BROKEN}-{task}-") for name in self._names()) >= _TRIES:
                self._put(_FATAL, _as_user_error(error))
        raise error

    def fatal(self) -> UserError | None:
        """On the driver: the error that ends the run, if there is one."""
        return self._read(_FATAL) if _FATAL in self._names() else None

    def not_started(self) -> dict[str, UserError]:
        """On the driver: executors whose engine does not start, with its last error."""
        names = [name for name in self._names() if name.startswith(_NOT_STARTED)]
        return {name.removeprefix(f"{_NOT_STARTED}-"): self._read(name) for name in names}

    def forget(self) -> None:
        """Remove the folder and all that lies in it."""
        storage.remove_folder(self.folder)

    def _names(self) -> list[str]:
        return [storage.name_of(file.path) for file in storage.list_files(self.folder)]

    def _put(self, name: str, error: UserError) -> None:
        storage.put(storage.join(self.folder, name), error.json().encode())

    def _read(self, name: str) -> UserError:
        return from_json(storage.read(storage.join(self.folder, name)).decode())


def _executor() -> str:
    from rephrase.engines.processes import find_owner

    return f"{socket.gethostname()}-{find_owner().pid}"


def _as_user_error(error: Exception) -> UserError:
    said = traceback.format_exception_only(error)[-1].strip()
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" (in {os.path.basename(frame[0].filename)}, line {frame[0].lineno})" if frame else ""
    return UserError(f"a Spark task failed: {said}{place}", cure="the executor's log has the whole traceback; run again to resume")
