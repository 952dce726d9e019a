"""Figures of a moment: what servers, workers, executors and the driver tell while a stage works. Each is kept as JSON."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError


class Kept:
    """A dataclass that is kept as JSON. A key that is not there has the field's default, one that no field has is passed over."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(allow_inf_nan=False)  # what is no number is of nobody here

    def to_json(self) -> bytes:
        """The figures as they are stored."""
        return _adapter(type(self)).dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self | None:
        """The figures that were stored; None for what another version, or a process that was cut off, left behind."""
        with contextlib.suppress(ValidationError):
            figures: Self = _adapter(cls).validate_json(data)
            return figures
        return None


# A cast, as mypy takes classes for unhashable.
_adapter = cast("Callable[[type[Kept]], TypeAdapter[Any]]", cache(TypeAdapter))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFigures(Kept):
    """What a model server says of itself. Counts run from its start."""

    server: str
    """Its name: host, process and start."""
    at: float
    """Unix time, seconds."""
    running: int = 0
    """Requests in its batch."""
    waiting: int = 0
    """Requests that wait for a place in the batch."""
    tokens: float = 0.0
    """Written."""
    answers: float | None = None
    """Requests that it has ended; None where it does not tell."""
    cache_queries: float = 0.0
    """Prompt tokens looked up in its prefix cache."""
    cache_hits: float = 0.0
    """Those of them that were found there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures(Kept):
    """What one Python worker has done for a job, and is at. Counts run from the job's start."""

    pid: int
    start: int = 0
    """Of the process, in clock ticks since boot."""
    place: str = ""
    """Where its requests are answered, in words for users."""
    server: str = ""
    """The model server that answers them, where it tells figures of its own."""
    trouble: str = ""
    """What the server said last, where it gives no answers; it stands in `place` too."""
    starting: str = ""
    """What the engine that this worker starts is at, in a line; empty where it starts none."""
    in_flight: int = 0
    """Requests that the engine has not given back."""
    quiet_since: float | None = None
    """Unix time since which requests are in flight and none came back; None where none is in flight."""
    returned: int = 0
    """Requests that the engine has given back."""
    tokens: int = 0
    """Written for these, without those that a server counts itself."""
    answers: int = 0
    """Prompts that have come back, by the engine or from an earlier run."""
    failed: int = 0
    """Of these, those that the engine gave no answer to."""
    causes: dict[str, int] = field(default_factory=dict)
    """Answers that are errors, by code."""
    units: int = 0
    """Units in flight; all that follows is of these."""
    asked: int = 0
    answered: int = 0
    taken: float = 0.0
    """The share of their rows whose prompts have all been asked."""
    work: float = 0.0
    """What they weigh, in the measure of the stage's progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How many tokens were written by a Unix time."""

    at: float
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorFigures(Kept):
    """What one executor tells of a job: the sum of its workers, and what its servers say. Counts run from the job's start."""

    executor: str
    at: float
    """Unix time, seconds."""
    places: tuple[str, ...] = ()
    """Where its requests are answered."""
    trouble: str = ""
    """What one of its servers said last that gives no answers; empty where all do."""
    starting: str = ""
    """What its engine is at that starts, in a line; empty where none does."""
    in_flight: int = 0
    """Requests that its engines have not given back."""
    running: int = 0
    """Of these, those in the batches of servers; all where no server tells, none while one starts."""
    waiting: int | None = None
    """Requests that wait in servers for a place; None where no server tells."""
    quiet_since: float | None = None
    """Unix time since which requests are in flight, none came back, and no server wrote; None where none is in flight."""
    wrote_at: float = 0.0
    """Unix time at which the count of tokens was last seen to grow."""
    answers: int = 0
    """Prompts that have come back, also those that a server has answered amid a batch that is still out."""
    failed: int = 0
    """Of these, those that got no answer."""
    causes: dict[str, int] = field(default_factory=dict)
    cache_queries: float = 0.0
    cache_hits: float = 0.0
    units: int = 0
    work_done: float = 0.0
    """Of the work of the units in flight."""
    gpu_busy: float | None = None
    """The mean share of time in which its GPUs computed of late; None where nothing tells."""
    readings: tuple[Reading, ...] = ()
    """The first one, and those of the last minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all executors of a stage tell together."""

    executors: int = 0
    """That have told something."""
    silent: int = 0
    """Of these, those that have told nothing for a while though they had units in flight."""
    starting: int = 0
    """Whose engine starts."""
    working: int = 0
    """That have units in flight and an engine which answers."""
    start: str = ""
    """The last line of one of these."""
    running: int = 0
    waiting: int | None = None
    answers: int = 0
    """Prompts that have come back."""
    failed: int = 0
    """Of these, those that got no answer."""
    errors: int = 0
    most_frequent_error: str = ""
    causes: dict[str, int] = field(default_factory=dict)
    """Of all errors, by code."""
    tokens: float = 0.0
    """Written."""
    tokens_per_second: float | None = None
    """Of late; None before there are two readings."""
    mean_tokens_per_second: float | None = None
    """Since the first reading."""
    cached: float | None = None
    """The share of prompt tokens found in prefix caches."""
    gpu_busy: float | None = None
    units_in_flight: int = 0
    work_done: float = 0.0
    """Of the work of these."""
    stall: str = ""
    """Whose answers do not come, in words."""
    all_stalled: bool = False
    """Whether answers come to no executor that waits for some."""

    @property
    def counted(self) -> Totals:
        """What stays true once all tasks have ended."""
        counts = {name: getattr(self, name) for name in ("answers", "failed", "errors", "most_frequent_error", "causes", "tokens")}
        return Totals(**counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFigures(Kept):
    """What a stage's driver tells: how far it is, and what all executors tell."""

    stage: str
    at: float
    """Unix time, seconds."""
    seconds: float = 0.0
    """That the stage is at work in this run."""
    units: int = 0
    """Done, also by earlier runs."""
    units_in_all: int = 0
    seconds_left: tuple[float, float | None] | None = None
    """Within which the stage ends, most likely: at least, and at most where that can be said. None where nothing can be said."""
    totals: Totals = field(default_factory=Totals)
    counts: dict[str, int | dict[str, int]] = field(default_factory=dict)
    """What the notes of units that this run finished add up to, by field; nothing that is 0."""
    budget: dict[str, float] = field(default_factory=dict)
    """Of each limit of the budget, the share that is spent."""
    finished: str = ""
    """What the finished units say, in words."""
    line: str = ""
    """All of it in one line, as a log has it."""
