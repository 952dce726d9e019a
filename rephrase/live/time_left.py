"""How long a stage may still take: a range, from how evenly its work has gone so far."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

_MOST = 128  # points that are kept of a stage, of however many hours
_WINDOWS = 8  # of equal length, whose rates are compared
_LEAST_STEPS = 4  # of progress: fewer tell of no spread
_ERRORS = 2.0  # standard errors of the mean rate on either side: about 19 of 20, were the windows alike


class Course:
    """The work done by time. Its size does not grow with the stage."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._every = 0.0  # seconds between two points

    def add(self, at: float, done: float) -> None:
        """Take in how much work is done at a time in seconds. What is done never shrinks."""
        done = max(done, self._points[-1][1]) if self._points else done
        if len(self._points) > 1 and (at - self._points[-2][0] < self._every or self._points[-1][1] == self._points[-2][1] == done):
            self._points[-1] = (at, done)
            return
        self._points.append((at, done))
        if len(self._points) > _MOST:
            self._points = [self._points[0], *self._points[2::2]]
            self._every = (self._points[-1][0] - self._points[0][0]) / _MOST

    def left(self, total: float) -> tuple[float, float | None] | None:
        """Seconds until all work is done, at least and at most; the latter None where the rates differ too much to say.

        None where nothing can be said: before the first progress, and when nothing is left. The time before the first progress, in which
        engines start, does not count. Both ends are one number where there was too little progress to tell how even it is.
        """
        points = _from_first_progress(self._points)
        if len(points) < 2 or points[-1][1] >= total:
            return None
        (began, before), (ended, after) = points[0], points[-1]
        if ended <= began:
            return None
        mean, rest = (after - before) / (ended - began), total - after
        if sum(late[1] > early[1] for early, late in itertools.pairwise(points)) < _LEAST_STEPS:
            return rest / mean, rest / mean
        edges = np.linspace(began, ended, _WINDOWS + 1)
        rates = np.diff(np.interp(edges, [at for at, _ in points], [done for _, done in points])) / np.diff(edges)
        error = _ERRORS * float(np.std(rates, ddof=1)) / math.sqrt(_WINDOWS)
        return rest / (mean + error), rest / (mean - error) if error < mean else None


def _from_first_progress(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """From the last point at which nothing was done yet."""
    first = next((number for number, (_, done) in enumerate(points) if done > points[0][1]), len(points))
    return points[max(0, first - 1) :]
