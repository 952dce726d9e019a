"""A server that is away: no connection is made, whoever asks. One clock for all calls, so that it counts alike for few and for many."""

from __future__ import annotations

import time

PATIENCE = 30.0  # seconds; a crashed server that is started again at once has come back by then, or says that it loads


class Outage:
    """How long no connection has been made. Whatever a server sends, and a call that waits for it, ends the outage."""

    def __init__(self, patience: float | None) -> None:
        """`patience` is in seconds from the first connection that is not made; None gives nobody up."""
        self.patience = patience
        self._since: float | None = None

    def begin(self) -> float:
        """Tell of a connection that was not made. Returns the seconds until the server is given up; 0 or less where it is."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return float("inf") if self.patience is None else self._since + self.patience - now

    def end(self) -> None:
        """Tell of a server that is there."""
        self._since = None

    def __str__(self) -> str:
        """What follows if it lasts, for users who wait; empty where there is no outage."""
        return "" if self._since is None or self.patience is None else f"; gives up after {self.patience:g} s"
