"""What tasks tell the driver while a job runs: Spark itself would tell only after its last retry.

Reports are small objects in a folder of the run's own: an executor that has been given a task, an error that ends the run at once, an
engine that starts and what it is at, one that does not start on one executor, a task that fails for a reason of its own; and the figures
of an executor and of the driver itself, which are refreshed. A task that fails by nothing but what Spark gave it, or did not, reports
nothing: that is Spark's to mend.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import orjson
from typing_extensions import override

from classifiers.encoder.device import use_gpus
from rephrase import storage
from rephrase.engines import starting
from rephrase.errors import StartError, TaskError, UserError, from_json
from rephrase.spark.runtime.gpus import task_gpus
from rephrase.spark.runtime.machine_folder import MachineFolder
from rephrase.spark.runtime.pulse import Telling, telling
from rephrase.spark.runtime.pyspark_internals import whole_input

if TYPE_CHECKING:
    import pyarrow as pa

    Body = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]  # a function of `mapInArrow`

_EXECUTOR, _FATAL, _STARTING, _NOT_STARTED, _BROKEN = "executor", "fatal", "starting", "not-started", "broken"
EXECUTOR_FIGURES, STAGE_FIGURES = "figures", "stage-figures"
"""How the names of objects begin that executors refresh; and the name of the driver's."""
_SPARE = "spare"  # removed by a task that cannot report: on a full disk that makes room, and anywhere else it tells the driver as much
_SPARE_BYTES = 4096
_TRIES = 3  # a task that fails so often by an error in it would fail for ever
_REFRESHED = 5.0  # seconds between two objects with an executor's figures, and with the driver's
_NEXT_TRY = 10.0  # seconds that a task waits where another try would fail as well: its place is then taken by others, or its job ended


class JobState(NamedTuple):
    """What the tasks of a job have reported so far. Executors are named alike in both fields."""

    fatal: UserError | None  # ends the run
    executors: frozenset[str]  # all that have been given a task of the job
    not_started: dict[str, UserError]  # those whose engine does not start, with its last error
    starting: dict[str, float]  # those whose engine starts or did, with the Unix time of the last line that tells of it
    figures: dict[str, float]  # those that tell figures, with the Unix time of the last ones


class Start(NamedTuple):
    """What an engine told last of its start."""

    line: str
    ready: bool  # whether it answers


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of one job, by both sides."""

    folder: str
    seconds: float = field(default_factory=lambda: _REFRESHED)
    """Between two objects of figures."""

    def prepare(self) -> None:
        """On the driver, before its tasks start. Raises `UserError` where nothing can be stored."""
        storage.put(storage.join(self.folder, _SPARE), bytes(_SPARE_BYTES))

    def began(self) -> None:
        """In a task: report the executor that it runs on. No kind of session tells the driver which executors work for a job."""
        _report_executor(self.folder)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """In a task: report the lines that an engine tells while it starts, and what blocks of `pulse.beating` tell."""
        handler = _Reporting(self.folder)
        starting.log.addHandler(handler)
        starting.log.propagate = False  # the driver shows them
        try:
            with telling(Telling(self.folder, self.figures_of(_executor()), _executor(), self.seconds)):
                yield
        finally:
            starting.log.removeHandler(handler)

    def done(self) -> None:
        """In a task: take back that the engine does not start here, if that was said; it did, at another try."""
        place = _machine_folder(self.folder)
        if place is None or place.take_mark(_NOT_STARTED):
            storage.delete(self._not_started())

    def reporting(self, body: Body) -> Body:
        """A task's function, which then reports the errors that it raises. Where its input breaks off, it is not let go on."""

        def reported(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            broke_off = False

            def all_batches() -> Iterator[pa.RecordBatch]:
                nonlocal broke_off
                try:
                    yield from whole_input(batches)
                except Exception:
                    broke_off = True
                    raise

            use_gpus(task_gpus())
            try:
                yield from body(all_batches())
            except Exception as error:
                if broke_off:
                    raise
                self.failed(error)

        return reported

    def failed(self, error: Exception) -> NoReturn:
        """In a task: report its error and raise it in a form that the driver knows."""
        if isinstance(error, StartError):
            if place := _machine_folder(self.folder):
                place.mark(_NOT_STARTED)
            self._put(storage.name_of(self._not_started()), error)
            time.sleep(_NEXT_TRY)
            raise TaskError(error) from error
        fatal = error
        if not isinstance(fatal, UserError):
            task, fatal = _task(), _as_user_error(error)
            self._put(f"{_BROKEN}-{task}-{time.time_ns()}", fatal)
            if len(_of_kind(f"{_BROKEN}-{task}", self._names())) < _TRIES:
                raise error
        self._put(_FATAL, fatal)
        time.sleep(_NEXT_TRY)  # the driver, which looks now and then, ends the job meanwhile
        raise TaskError(fatal) from error

    def look(self) -> JobState:
        """On the driver: what was reported so far."""
        files = {storage.name_of(file.path): file.modified for file in storage.list_files(self.folder)}
        names = list(files)
        not_started = {}
        for executor in _of_kind(_NOT_STARTED, names):
            with contextlib.suppress(FileNotFoundError):  # taken back meanwhile
                not_started[executor] = self._read(f"{_NOT_STARTED}-{executor}")
        fatal = self._read(_FATAL) if _FATAL in names else None if _SPARE in names else self._not_stored()
        starts = {executor: files[f"{_STARTING}-{executor}"] for executor in _of_kind(_STARTING, names)}
        figures = {executor: files[f"{EXECUTOR_FIGURES}-{executor}"] for executor in _of_kind(EXECUTOR_FIGURES, names)}
        return JobState(fatal, frozenset(_of_kind(_EXECUTOR, names)), not_started, starts, figures)

    def start_of(self, executor: str) -> Start:
        """On the driver: what an executor's engine told last of its start."""
        line, ready = orjson.loads(storage.read(storage.join(self.folder, f"{_STARTING}-{executor}")))
        return Start(str(line), bool(ready))

    def figures_of(self, executor: str) -> str:
        """The object with an executor's figures."""
        return storage.join(self.folder, f"{EXECUTOR_FIGURES}-{executor}")

    def _not_stored(self) -> UserError:
        try:
            storage.check_writable(self.folder)
        except UserError as error:  # the driver is refused as well, and says why
            return error
        cure = "check permissions and free space as the executors have them; run again to resume"
        return UserError("a task cannot store its result, nor tell why", where=self.folder, cure=cure)

    def _not_started(self) -> str:
        return storage.join(self.folder, f"{_NOT_STARTED}-{_executor()}")

    def _names(self) -> list[str]:
        return [storage.name_of(file.path) for file in storage.list_files(self.folder)]

    def _put(self, name: str, error: UserError) -> None:
        place, data = storage.join(self.folder, name), error.json().encode()
        try:
            storage.put(place, data)
        except Exception:  # noqa: BLE001  # whatever a store that takes nothing says; it may well be what is to be reported
            with contextlib.suppress(Exception):
                storage.delete(storage.join(self.folder, _SPARE))
                storage.put(place, data)

    def _read(self, name: str) -> UserError:
        path = storage.join(self.folder, name)
        try:
            return from_json(storage.read(path).decode())
        except ValueError as error:
            return UserError(f"not the report that a task wrote: {error}", where=path, cure="run again to resume")


class _Reporting(logging.Handler):
    """Reports each line of the log, the last in place of those before."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    @override
    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # the work goes on untold
            told = orjson.dumps([record.getMessage(), starting.is_ready(record)])
            storage.put(storage.join(self._folder, f"{_STARTING}-{_executor()}"), told)


def _of_kind(kind: str, names: list[str]) -> list[str]:
    return [name.removeprefix(f"{kind}-") for name in names if name.startswith(f"{kind}-")]


# Both are cached, as a Python worker does many tasks and belongs to one executor.


@functools.lru_cache(maxsize=8)
def _report_executor(folder: str) -> None:
    storage.create(storage.join(folder, f"{_EXECUTOR}-{_executor()}"), b"")


@functools.lru_cache(maxsize=8)
def _machine_folder(folder: str) -> MachineFolder | None:
    try:
        return MachineFolder(folder, _executor())
    except OSError:
        return None


@functools.cache
def _executor() -> str:
    from rephrase.engines.processes import find_owner

    return f"{socket.gethostname()}-{find_owner().pid}"


def _task() -> str:
    """Names the task, whichever try of it this is."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    return f"{context.stageId()}-{context.partitionId()}"


def _as_user_error(error: Exception) -> UserError:
    message = traceback.format_exception_only(error)[-1].strip()
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" (in {os.path.basename(frame[0].filename)}, line {frame[0].lineno})" if frame else ""
    return UserError(f"a Spark task failed: {message}{place}", cure="the executor's log has the whole traceback; run again to resume")
