"""How fast the rewrite stage goes, told by the notes of its finished units."""

from __future__ import annotations

import time
from bisect import insort
from dataclasses import dataclass
from operator import attrgetter

from rephrase.notes import GenerationsNote

_WINDOW = 60.0  # seconds over which the present rate is taken, where there are notes that far apart
_LEAST = 2.0  # seconds: units of one server that end together would tell of the moment between them


@dataclass(frozen=True, slots=True)
class _Reading:
    """A server's counts at a Unix time; see `EngineFigures`."""

    at: float
    tokens: float
    looked_up: float
    cached: float


class Pace:
    """The sum of the notes seen so far, and the rates of the servers that wrote them. Its size does not grow with the notes."""

    kind = GenerationsNote

    def __init__(self) -> None:
        self.sums = GenerationsNote()
        self._spans: list[tuple[float, float]] = []  # when units were at work
        self._servers: dict[str, list[_Reading]] = {}  # those of the last minute and the one before, by time

    def add(self, note: GenerationsNote) -> None:
        """Take in the note of a finished unit."""
        self.sums += note
        self._work(note.started, note.ended)
        figures = note.engine
        if figures.server and figures.generation_tokens is not None:
            readings = self._servers.setdefault(figures.server, [])
            reading = _Reading(note.ended, figures.generation_tokens, figures.cache_queries or 0.0, figures.cache_hits or 0.0)
            insort(readings, reading, key=attrgetter("at"))
            while len(readings) > 2 and readings[-1].at - readings[1].at >= _WINDOW:
                del readings[0]

    def _work(self, start: float, end: float) -> None:
        near = [span for span in self._spans if span[0] <= end + _WINDOW and span[1] >= start - _WINDOW]
        self._spans = [span for span in self._spans if span not in near]
        self._spans.append((min(start, *(span[0] for span in near)), max(end, *(span[1] for span in near))) if near else (start, end))

    @property
    def shares(self) -> dict[str, float]:
        """Of each limit of the budget, the share that is spent."""
        return {}

    @property
    def seconds(self) -> float:
        """How long units were at work, by any driver: without the time in which there was none, but for pauses of less than a minute."""
        return sum(end - start for start, end in self._spans)

    @property
    def tokens_written(self) -> int:
        """Tokens that engines wrote, without those taken from earlier runs."""
        return self.sums.completion_tokens - self.sums.reused_tokens

    @property
    def errors(self) -> float:
        """The share of rows that ended in an error."""
        return self.sums.errors / max(self.sums.generations, 1)

    @property
    def cache_hits(self) -> float | None:
        """The share of prompt tokens that the engines found in their prefix caches since they started; None where none tells."""
        last = [readings[-1] for readings in self._servers.values()]
        looked_up = sum(reading.looked_up for reading in last)
        return sum(reading.cached for reading in last) / looked_up if looked_up else None

    def now(self, at: float) -> float | None:
        """Output tokens a second at a Unix time, by the own counts of the servers then at work; None without two notes some time apart."""
        rates = []
        for first, last in ((readings[0], readings[-1]) for readings in self._servers.values()):
            seconds = last.at - first.at
            if seconds >= _LEAST and at - last.at < 2 * max(seconds, _WINDOW):  # else it is gone
                rates.append((last.tokens - first.tokens) / seconds)
        return sum(rates) if rates else None

    def describe(self, seconds: float, *, rates: bool = True, ended: bool = False) -> str:
        """A few words for the progress line; `seconds` is how long the stage has been at work.

        `rates`: also how fast engines write, what they find in their caches, and how much failed, by the notes; else another tells.
        `ended`: without how fast they write now, as none does.
        """
        if not self.sums.generations:
            return ""
        mean = self.tokens_written / max(seconds, 0.001)
        now = None if ended else self.now(time.time())
        rate = f"{mean:,.0f} tokens/s" if now is None else f"{now:,.0f} tokens/s now, {mean:,.0f}"
        errors = [f"{self.errors:.1%} errors"] if rates or not self.sums.errors else []
        parts = [f"{self.sums.generations:,} generations", *([f"{rate} with starts and waiting"] if rates else []), *errors]
        if self.sums.reused:
            parts.append(f"{self.sums.reused:,} reused")
        if rates and self.cache_hits is not None:
            parts.append(f"{self.cache_hits:.0%} of prompts cached")
        return ", ".join(parts)
