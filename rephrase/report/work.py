"""When engines were at work and how fast, by the notes of finished units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rephrase.notes import GenerationsNote

_PAUSE = 60.0  # seconds without a unit at work, after which another driver must have begun
_POINTS = 120  # of a curve: more than a page shows apart


@dataclass(frozen=True, slots=True)
class EngineWork:
    """What one engine did: a vLLM server, or all other engines of one host."""

    name: str
    model: str
    units: int
    tokens: int
    """That it wrote, without completions taken from earlier runs."""
    late: float
    """Seconds from the run's first unit to its first one."""
    busy: float
    """Seconds with at least one unit in flight. A server's start falls into its first unit."""
    idle: float
    """Seconds between units."""
    early: float
    """Seconds from its last unit to the run's last one."""

    @property
    def rate(self) -> float | None:
        """Tokens a second while units were in flight."""
        return self.tokens / self.busy if self.busy > 0 else None


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
    """Seconds since the start, engine, tokens a second: each unit's tokens spread evenly over its time."""


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
    return Work(engines, sum(end - start for start, end in spans), started, ended, tuple(curve))


def _engine(name: str, notes: Sequence[GenerationsNote], spans: Sequence[tuple[float, float]]) -> EngineWork:
    busy = _joined([(note.started, note.ended) for note in notes], 0.0)
    first, last = busy[0][0], busy[-1][1]
    at_work = sum(end - start for start, end in busy)
    within = sum(max(0.0, min(end, last) - max(start, first)) for start, end in spans)
    return EngineWork(
        name=name,
        model=" + ".join(sorted({note.model for note in notes if note.model})),
        units=len(notes),
        tokens=sum(note.completion_tokens - note.reused_tokens for note in notes),
        late=sum(max(0.0, min(end, first) - start) for start, end in spans),
        busy=at_work,
        idle=max(0.0, within - at_work),
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
        shared = np.clip(np.minimum(edges[1:], note.ended) - np.maximum(edges[:-1], note.started), 0, None)
        tokens += written * shared / (note.ended - note.started)
    width = (ended - started) / _POINTS
    return [(float(edge - started), name, float(count / width)) for edge, count in zip(edges[:-1], tokens, strict=True)]


def _short(name: str, names: Sequence[str]) -> str:
    """An engine's name without what only tells starts apart, where it is still one of its own."""
    host = name.rsplit("-", 2)[0]
    return name if sum(other.rsplit("-", 2)[0] == host for other in names) > 1 else host
