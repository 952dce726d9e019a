"""What a driver hears of its executors while their tasks work, and a shell that looks on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rephrase import storage
from rephrase.live.figures import ExecutorFigures, StageFigures, Totals
from rephrase.live.totals import totals_of
from rephrase.spark.runtime.job_folder import is_report
from rephrase.spark.runtime.task_reports import EXECUTOR_FIGURES, STAGE_FIGURES, Reports

_READERS = 16  # requests at a time
_PAUSES, _LONGEST = 20, 15.0  # times what a look took, until the next one; seconds at most


class Hearing:
    """The executors' figures, read again as they change."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._heard: dict[str, tuple[ExecutorFigures, float]] = {}  # with the monotonic time at which they were new
        self._stored: dict[str, float] = {}
        self._next_look = self._next_told = 0.0

    def look(self, stored: Mapping[str, float]) -> None:
        """Read what is new. `stored` has the Unix time at which each executor's object was stored."""
        now = time.monotonic()
        if now < self._next_look:
            return
        new = [executor for executor, at in stored.items() if at != self._stored.get(executor)]
        for executor, figures in zip(new, _read([self._reports.figures_of(executor) for executor in new]), strict=True):
            if figures is not None:
                self._heard[executor] = figures, now
                self._stored[executor] = stored[executor]
        self._next_look = time.monotonic() + max(1.0, _pause(now))

    @property
    def totals(self) -> Totals:
        """The sum of all that was heard."""
        now = time.monotonic()
        return totals_of([(figures, now - at) for figures, at in self._heard.values()])

    def pass_on(self, figures: StageFigures) -> None:
        """Store the driver's own figures for shells that look on, if it is time."""
        now = time.monotonic()
        if now >= self._next_told:
            with contextlib.suppress(Exception):  # whatever a full disk says: the work goes on
                storage.put(storage.join(self._reports.folder, STAGE_FIGURES), figures.to_json())
            self._next_told = time.monotonic() + max(self._reports.seconds, _pause(now))


@dataclass(frozen=True, slots=True)
class Heard:
    """What a driver tells and its executors tell, each with the seconds since."""

    figures: StageFigures
    seconds: float
    executors: Sequence[tuple[ExecutorFigures, float]]


def heard_in(files: Sequence[storage.FileInfo]) -> list[Heard]:
    """What is told in a stage's folder, which has these files: by its driver, and by those that died and could not clear away."""
    heard = []
    for file in (file for file in files if is_report(file.path, STAGE_FIGURES)):
        content = _content(file.path)
        figures = None if content is None else StageFigures.from_json(content)
        if figures is not None:
            beside = f"{file.path.removesuffix(STAGE_FIGURES)}{EXECUTOR_FIGURES}-"
            told = [one for one in files if one.path.startswith(beside)]
            read, now = _read([one.path for one in told]), time.time()
            executors = [(one, max(0.0, now - info.modified)) for one, info in zip(read, told, strict=True) if one is not None]
            heard.append(Heard(figures, max(0.0, now - file.modified), executors))
    return heard


def _pause(since: float) -> float:
    return min(_PAUSES * (time.monotonic() - since), _LONGEST)


def _read(paths: Sequence[str]) -> list[ExecutorFigures | None]:
    with ThreadPoolExecutor(_READERS) as pool:
        contents = list(pool.map(_content, paths))
    return [None if content is None else ExecutorFigures.from_json(content) for content in contents]


def _content(path: str) -> bytes | None:
    try:
        return storage.read(path)
    except Exception:  # noqa: BLE001  # its job has ended, or the store is away: the work goes on unheard
        return None
