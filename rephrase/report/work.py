"""When engines were at work and how fast, by the notes of finished units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rephrase.notes import GenerationsNote

_PAUSE = 60.0  # seconds without a unit at work, after which another driver must have begun
_SHORTEST = 1e-3  # seconds that a unit takes at least
_POINTS = 120  # of a curve: more than a page shows apart


@dataclass(frozen=True, slots=True)
class EngineWork:
    """What one engine did: a vLLM server, or all other engines of one host."""

    name: str
    model: str
    units: int
    tokens: int
    """That it wrote, without completions taken from earlier runs."""
    is_server: bool
    """Whether it is a server on an executor, whose time is the run's. Others only wait for answers from elsewhere."""
    late: float
    """Seconds from the run's first unit to its first one."""
    start: float | None
    """Seconds with units in flight before it could answer the first; None where notes do not tell, and then it is in `busy`."""
    busy: float
    """Seconds with at least one unit in flight, from when it could answer."""
    idle: float
    """Seconds between units."""
    early: float
    """Seconds from its last unit to the run's last one."""

    @property
    def rate(self) -> float | None:
        """Tokens a second while units were in flight."""
        return self.tokens / self.busy if self.busy > 0 else None

    @property
    def waiting(self) -> float:
        """Seconds without a unit, before its last one."""
        return self.late + self.idle


@dataclass(frozen=True, slots=True)
class Work:
    """All engines of a run."""

    engines: tuple[EngineWork, ...]
    seconds: float
    """In which units were in flight anywhere, with pauses of less than a minute."""
    started: float
    """Unix time of the first unit, seconds."""
    ended: float
    curve: tuple[tuple[float, str, float], ...]
    """Seconds since the start, engine, tokens a second: each unit's tokens spread evenly over its time with an engine that can answer."""
    taken_over: int
    """Tokens that were taken over from trials and earlier runs, whose engines wrote them."""

    @property
    def servers(self) -> int:
        """Engines whose time is the run's."""
        return sum(engine.is_server for engine in self.engines)

    @property
    def engine_seconds(self) -> float | None:
        """Of all servers, with their starts and all waiting; None where there is none."""
        return self.servers * self.seconds if self.servers else None

    def shares(self) -> dict[str, float]:
        """Where the time of all engines went: start, waiting, generating and idle, which together are 1."""
        whole = max(self.seconds * len(self.engines), 1e-9)
        return {
            "start": sum(engine.start or 0.0 for engine in self.engines) / whole,
            "waiting": sum(engine.waiting for engine in self.engines) / whole,
            "generating": sum(engine.busy for engine in self.engines) / whole,
            "idle": sum(engine.early for engine in self.engines) / whole,
        }

    def to_json(self) -> dict[str, Any]:
        """The figures without the curve; seconds."""
        engines = [{**asdict(engine), "tokens_per_second": engine.rate} for engine in self.engines]
        return {"seconds": self.seconds, "engine_seconds": self.engine_seconds, "shares": self.shares(), "engines": engines}


def work_of(notes: Sequence[GenerationsNote]) -> Work | None:
    """The work that units noted; None where none did any, or all came from an earlier run."""
    own = [note for note in notes if note.ended > note.started > 0 and note.completion_tokens > note.reused_tokens]
    if not own:
        return None
    started, ended = min(note.started for note in own), max(note.ended for note in own)
    spans = _joined([(note.started, note.ended) for note in own], _PAUSE)
    by_engine: dict[str, list[GenerationsNote]] = {}
    for note in own:
        by_engine.setdefault(note.engine.server or note.host or "engine", []).append(note)
    names = {name: _short(name, list(by_engine)) for name in by_engine}
    engines = tuple(_engine(names[name], part, spans) for name, part in sorted(by_engine.items()))
    curve = [point for name, part in sorted(by_engine.items()) for point in _curve(names[name], part, started, ended)]
    return Work(engines, sum(end - start for start, end in spans), started, ended, tuple(curve), sum(note.reused_tokens for note in notes))


def _engine(name: str, notes: Sequence[GenerationsNote], spans: Sequence[tuple[float, float]]) -> EngineWork:
    busy = _joined([(note.started, note.ended) for note in notes], 0.0)
    first, last = busy[0][0], busy[-1][1]
    ready = min((note.engine.ready for note in notes if note.engine.ready is not None), default=None)
    in_flight = sum(end - start for start, end in busy)
    start = None if ready is None else sum(max(0.0, min(end, ready) - start) for start, end in busy)
    within = sum(max(0.0, min(end, last) - max(start, first)) for start, end in spans)
    return EngineWork(
        name=name,
        model=" + ".join(sorted({note.model for note in notes if note.model})),
        units=len(notes),
        tokens=sum(note.completion_tokens - note.reused_tokens for note in notes),
        is_server=notes[0].engine.server is not None,
        late=sum(max(0.0, min(end, first) - start) for start, end in spans),
        start=start,
        busy=in_flight - (start or 0.0),
        idle=max(0.0, within - in_flight),
        early=sum(max(0.0, end - max(start, last)) for start, end in spans),
    )


def _joined(spans: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Spans of time in their order; those that are at most `gap` seconds apart are one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _curve(name: str, notes: Sequence[GenerationsNote], started: float, ended: float) -> list[tuple[float, str, float]]:
    edges = np.linspace(started, ended, _POINTS + 1)
    tokens = np.zeros(_POINTS)
    for note in notes:
        written = note.completion_tokens - note.reused_tokens
        began = min(max(note.started, note.engine.ready or 0.0), note.ended - _SHORTEST)
        shared = np.clip(np.minimum(edges[1:], note.ended) - np.maximum(edges[:-1], began), 0, None)
        tokens += written * shared / (note.ended - began)
    width = (ended - started) / _POINTS
    return [(float(edge - started), name, float(count / width)) for edge, count in zip(edges[:-1], tokens, strict=True)]


def _short(name: str, names: Sequence[str]) -> str:
    """An engine's name without what only tells starts apart, where it is still one of its own."""
    host = name.rsplit("-", 2)[0]
    return name if sum(other.rsplit("-", 2)[0] == host for other in names) > 1 else host
