"""How fast the rewrite stage goes, told by the notes of its finished units."""

from __future__ import annotations

import bisect
from collections import Counter
from typing import Any

_WINDOW = 60.0  # seconds over which the present rate is taken, where there are notes that far apart


class Pace:
    """Sums of the notes seen so far, and the rates of the servers that wrote them."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.started = self.ended = 0.0
        self._servers: dict[str, list[dict[str, float]]] = {}  # by time, of the last window and one before it

    def add(self, note: dict[str, Any]) -> None:
        """Take in the note of a finished unit."""
        self.sums.update({key: value for key, value in note.items() if isinstance(value, int | float)})
        self.sums["units"] += 1
        self.causes.update(note.get("causes", {}))
        self.started = min(self.started or note["started"], note["started"])
        self.ended = max(self.ended, note["ended"])
        figures = dict(note.get("engine") or {})
        if server := figures.pop("server", None):
            notes = self._servers.setdefault(server, [])
            bisect.insort(notes, {**figures, "at": note["ended"]}, key=_at)
            while len(notes) > 2 and notes[-1]["at"] - notes[1]["at"] >= _WINDOW:
                del notes[0]

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

    def now(self) -> float | None:
        """Output tokens a second of all servers, by their own counts over the last minute; None before there are two of one server.

        A server that was silent for longer than its last units took is taken for gone.
        """
        rates = [_rate(notes) for notes in self._servers.values() if self.ended - _at(notes[-1]) <= max(_WINDOW, _span(notes))]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known else None

    def words(self, seconds: float) -> str:
        """A few words for the progress line; `seconds` is how long the stage has been running."""
        if not self.sums["generations"]:
            return ""
        mean = self.written / max(seconds, 0.001)
        now = self.now()
        rate = f"{mean:,.0f} tokens/s" if now is None else f"{now:,.0f} tokens/s now, {mean:,.0f} mean"
        parts = [f"{self.sums['generations']:,} generations", rate, f"{self.errors:.1%} errors"]
        if self.sums["reused"]:
            parts.append(f"{self.sums['reused']:,} reused")
        if self.cache_hits is not None:
            parts.append(f"{self.cache_hits:.0%} of prompts cached")
        return ", ".join(parts)


def _at(note: dict[str, float]) -> float:
    return note["at"]


def _span(notes: list[dict[str, float]]) -> float:
    return _at(notes[-1]) - _at(notes[0])


def _rate(notes: list[dict[str, float]]) -> float | None:
    """Between the last note and the newest of those a window before it, which `add` keeps as the first."""
    counts = [note for note in notes if "generation_tokens" in note]
    seconds = _span(counts) if counts else 0.0
    return (counts[-1]["generation_tokens"] - counts[0]["generation_tokens"]) / seconds if seconds > 0 else None
