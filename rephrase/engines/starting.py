"""What engines tell while they start, which may take minutes: a logger whose lines a stage's driver shows, and others see on stderr."""

from __future__ import annotations

import logging

READY = {"ready": True}
"""What `extra` is of the line that tells that an engine answers."""

log = logging.getLogger(__name__)
"""Each warning is one line for the user: what starts, what it is at, for how long. The last line of a start is logged with `READY`."""

_last = ""


def is_ready(record: logging.LogRecord) -> bool:
    """Whether a line tells that an engine answers."""
    return getattr(record, "ready", False)


def last_line() -> str:
    """What the engine that starts in this process is at, as it was told last; empty where none starts."""
    return _last


def _keep(record: logging.LogRecord) -> bool:
    global _last  # noqa: PLW0603  # as the logger is one for the process, so is its last line
    _last = "" if is_ready(record) else record.getMessage()
    return True


log.addFilter(_keep)
