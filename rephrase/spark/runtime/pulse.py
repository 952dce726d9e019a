"""What an executor tells while its tasks work: one small object, refreshed every few seconds by one of its Python workers.

Each worker leaves its figures in a folder of the machine; whichever finds the object old adds all of them up and stores it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from rephrase import storage
from rephrase.engines import starting
from rephrase.engines.base import Engine
from rephrase.engines.counted import Counts
from rephrase.engines.processes import Process
from rephrase.generation.tally import UnderWay
from rephrase.live.figures import WorkerFigures
from rephrase.spark.runtime.machine_folder import MachineFolder

_PAUSES, _LONGEST = 10, 15.0  # times what an object took to store, until this worker stores the next one; seconds at most
_WAKES = 1.0  # seconds between two looks at whether it is time
_FRESH = 0.8  # of the time between two objects, in which nobody asks a server again


@dataclass(frozen=True, slots=True)
class Telling:
    """Where the tasks of a job tell how they go."""

    folder: str
    """Of the job's reports."""
    path: str
    """Of this executor's object there."""
    executor: str
    """Its name."""
    seconds: float
    """Between two objects."""


_telling: ContextVar[Telling | None] = ContextVar("telling", default=None)


@contextlib.contextmanager
def telling(to: Telling) -> Iterator[None]:
    """In a task: what `beating` blocks within this one tell goes there."""
    token = _telling.set(to)
    try:
        yield
    finally:
        _telling.reset(token)


@dataclass
class _Worker:
    """What this process has done for a job so far, by all its tasks."""

    counts: Counts = field(default_factory=Counts)
    answers: int = 0
    failed: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    pulse: _Pulse | None = None
    place: str = ""
    """Of the engine that its last task asked."""
    server: str = ""
    """Of this engine, where it tells figures of its own."""
    tokens: int = 0
    """Written for it by engines whose servers tell none."""
    counted: int = 0
    """Of its tokens, those that were put down to a server or to none."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asks(self, place: str) -> None:
        """Its task asks the engine at this place."""
        if place != self.place:
            self.place, self.server = place, ""

    def count_tokens(self) -> int:
        """Those so far that no server counts itself."""
        with self.lock:  # a task's thread may end while the next one's begins
            new, self.counted = self.counts.tokens - self.counted, self.counts.tokens
            self.tokens += 0 if self.server else new
            return self.tokens


_workers: dict[str, _Worker] = {}  # by job; a process that serves many of them keeps a few numbers of each


@dataclass
class Task:
    """What is told of a task while it works. Its engine is set once there is one."""

    counts: Counts
    under_way: UnderWay
    units: int
    work: float
    gpus: Sequence[str] = ()
    engine: Engine | None = None


@contextlib.contextmanager
def beating(units: int, work: float) -> Iterator[Task]:
    """Tell how a task goes that makes so many units, which weigh so much, for as long as the block lasts. What cannot be told is not."""
    to = _telling.get()
    worker = _workers.setdefault(to.folder, _Worker()) if to else _Worker()
    task = Task(worker.counts, UnderWay(), units, work)
    if to is None:
        yield task
        return
    pulse = _with_pulse(to, worker, task)
    try:
        yield task
    finally:
        worker.answers += task.under_way.answered
        worker.failed += task.under_way.failed
        worker.causes += task.under_way.causes
        worker.count_tokens()  # while it is known which engine wrote them
        task.under_way, task.units, task.work, task.engine = UnderWay(), 0, 0.0, None
        pulse.at_work.clear()


def _with_pulse(to: Telling, worker: _Worker, task: Task) -> _Pulse:
    """The worker's pulse, which tells of this task from now on."""
    with worker.lock:
        if worker.pulse is not None:
            worker.pulse.begin(task)
            return worker.pulse
        pulse = worker.pulse = _Pulse(to, worker, task)
    threading.Thread(target=pulse.run, daemon=True).start()
    return pulse


class _Pulse:
    """A thread that tells of a worker's tasks, one after the other: one for each would cost a tiny task more than its work."""

    def __init__(self, to: Telling, worker: _Worker, task: Task) -> None:
        self._to, self._worker = to, worker
        self._next = 0.0  # by the monotonic clock, before which this worker stores nothing
        self.at_work = threading.Event()
        self.begin(task)

    def begin(self, task: Task) -> None:
        """Tell of this one."""
        self._task = task
        self.at_work.set()

    def run(self) -> None:
        """Tell now and then while tasks work, and once more when no other has begun by then."""
        try:
            with contextlib.suppress(Exception):  # no folder: the work goes on untold
                self._folder = MachineFolder(self._to.folder, self._to.executor)
                while True:
                    self._beat()
                    time.sleep(min(_WAKES, self._to.seconds))
                    if self.at_work.is_set():
                        continue
                    self._write()
                    if not self.at_work.wait(max(self._due, self._next - time.monotonic(), 0.0)) and self._ends():
                        break
                if storage.exists(self._to.path):  # else the job has ended
                    self._beat()
        finally:
            with self._worker.lock:
                if self._worker.pulse is self:
                    self._worker.pulse = None

    def _ends(self) -> bool:
        """Whether no task has begun: the next one has a pulse of its own."""
        with self._worker.lock:
            if self.at_work.is_set():
                return False
            self._worker.pulse = None
            return True

    @property
    def _due(self) -> float:
        """Seconds until the executor's object is old; below 0 where it is."""
        return self._to.seconds - self._folder.age

    def _beat(self) -> None:
        with contextlib.suppress(Exception):  # whatever a store says: another beat may be told
            self._write()
            if time.monotonic() >= self._next and self._due <= 0:
                self._store()

    def _write(self) -> None:
        """Leave the figures of this process for whoever tells of the executor, and those of its server unless another has just done so."""
        task, worker, under_way = self._task, self._worker, self._task.under_way
        if engine := task.engine:
            worker.asks(engine.place)
            self._look_at_server(engine)
        process = Process.of(os.getpid())
        figures = WorkerFigures(
            pid=process.pid,
            start=process.start,
            place=worker.place,
            server=worker.server,
            trouble=task.engine.trouble if task.engine else "",
            starting=starting.last_line() if task.units else "",
            in_flight=worker.counts.in_flight,
            quiet_since=worker.counts.quiet_since,
            returned=worker.counts.returned,
            tokens=worker.count_tokens(),
            answers=worker.answers + under_way.answered,
            failed=worker.failed + under_way.failed,
            causes=dict(worker.causes + under_way.causes),
            units=task.units,
            asked=under_way.asked,
            answered=under_way.answered,
            taken=under_way.taken,
            work=task.work,
        )
        self._folder.put_worker(figures)

    def _look_at_server(self, engine: Engine) -> None:
        server = self._worker.server
        if server and self._folder.age_of_server(server) < _FRESH * self._to.seconds:
            return
        figures = engine.now()
        if figures is not None:
            self._worker.server = figures.server
            self._folder.put_server(figures)

    def _store(self) -> None:
        """Store the executor's object, if nobody else does."""
        with self._folder.turn() as is_mine:
            if not is_mine or self._due > 0:
                return
            began = time.monotonic()
            figures = self._folder.added_up(self._task.gpus)
            storage.put(self._to.path, figures.to_json())
            self._folder.put_told(figures)
            self._next = time.monotonic() + min(_PAUSES * (time.monotonic() - began), _LONGEST)
