"""How fast the rewrite stage goes, told by the notes of its finished units."""

from __future__ import annotations

import time
from bisect import insort
from collections import Counter
from typing import Any

_WINDOW = 60.0  # seconds over which the present rate is taken, where there are notes that far apart
_LEAST = 2.0  # seconds: units of one server that end together would tell of the moment between them


class Pace:
    """Sums of the notes seen so far, and the rates of the servers that wrote them. Its size does not grow with the notes."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self._spans: list[tuple[float, float]] = []  # when units were at work
        self._servers: dict[str, list[dict[str, float]]] = {}  # notes of the last minute and the one before, by time

    def add(self, note: dict[str, Any]) -> None:
        """Take in the note of a finished unit."""
        self.sums.update({key: value for key, value in note.items() if isinstance(value, int | float)})
        self.sums["units"] += 1
        self.causes.update(note.get("causes", {}))
        self._work(note["started"], note["ended"])
        figures = dict(note.get("engine") or {})
        server = figures.pop("server", None)
        if server and "generation_tokens" in figures:
            notes = self._servers.setdefault(server, [])
            insort(notes, {**figures, "at": note["ended"]}, key=_time)
            while len(notes) > 2 and _time(notes[-1]) - _time(notes[1]) >= _WINDOW:
                del notes[0]

    def _work(self, start: float, end: float) -> None:
        near = [span for span in self._spans if span[0] <= end + _WINDOW and span[1] >= start - _WINDOW]
        self._spans = [span for span in self._spans if span not in near]
        self._spans.append((min(start, *(span[0] for span in near)), max(end, *(span[1] for span in near))) if near else (start, end))

    @property
    def seconds(self) -> float:
        """How long units were at work, by any driver: without the time in which there was none, but for pauses of less than a minute."""
        return sum(end - start for start, end in self._spans)

    @property
    def written(self) -> int:
        """Tokens that engines wrote, without those taken from earlier runs."""
        return self.sums["completion_tokens"] - self.sums["reused_tokens"]

    @property
    def errors(self) -> float:
        """The share of rows that ended in an error."""
        return self.sums["errors"] / max(self.sums["generations"], 1)

    @property
    def cache_hits(self) -> float | None:
        """The share of prompt tokens that the engines found in their prefix caches since they started; None where none tells."""
        last = [notes[-1] for notes in self._servers.values()]
        queries = sum(note.get("cache_queries", 0.0) for note in last)
        return sum(note.get("cache_hits", 0.0) for note in last) / queries if queries else None

    def now(self, at: float) -> float | None:
        """Output tokens a second at a Unix time, by the own counts of the servers then at work; None without two notes some time apart."""
        rates = []
        for notes in self._servers.values():
            seconds = _time(notes[-1]) - _time(notes[0])
            if seconds >= _LEAST and at - _time(notes[-1]) < 2 * max(seconds, _WINDOW):  # else it is gone
                rates.append((notes[-1]["generation_tokens"] - notes[0]["generation_tokens"]) / seconds)
        return sum(rates) if rates else None

    def words(self, seconds: float) -> str:
        """A few words for the progress line; `seconds` is how long the stage has been at work."""
        if not self.sums["generations"]:
            return ""
        mean = self.written / max(seconds, 0.001)
        now = self.now(time.time())
        rate = f"{mean:,.0f} tokens/s" if now is None else f"{now:,.0f} tokens/s now, {mean:,.0f} mean"
        parts = [f"{self.sums['generations']:,} generations", rate, f"{self.errors:.1%} errors"]
        if self.sums["reused"]:
            parts.append(f"{self.sums['reused']:,} reused")
        if self.cache_hits is not None:
            parts.append(f"{self.cache_hits:.0%} of prompts cached")
        return ", ".join(parts)


def _time(note: dict[str, float]) -> float:
    return note["at"]
