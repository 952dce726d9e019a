"""What happened in a run, as lines of JSON in `<output>/logs`: a file that grows on disk, numbered objects now and then in a store."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from typing import Any

import orjson

from rephrase import storage
from rephrase.settings.schemes import location

FOLDER = "logs"
"""Of a run's output."""
PREFIX = "events-"
"""Of the names of its files; the start of the command and its process follow."""
_SHORTEST = 60.0  # seconds between two objects of a store
_SHARE = 0.01  # of the time that the run takes, if that is longer: some hundreds of objects after days


class EventLog:
    """The events of one command. A place that takes none ends no run: they are told on the console as well."""

    def __init__(self, output: str) -> None:
        stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
        self._path = storage.join(output, FOLDER, f"{PREFIX}{stamp}")
        self._local = storage.is_local(output)
        self._began = self._stored = time.monotonic()
        self._lines: list[bytes] = []
        self._number = 0
        self._lock = threading.Lock()

    def add(self, event: str, **fields: Any) -> None:
        """Add a line with the event's name, its Unix time in seconds, and what it tells; None is left out."""
        told = {name: value for name, value in fields.items() if value is not None}
        line = _line({"at": round(time.time(), 3), "event": event, **told})
        with self._lock:
            self._lines.append(line)
            now = time.monotonic()
            if self._local or now - self._stored >= max(_SHORTEST, _SHARE * (now - self._began)):
                self._store()

    def close(self) -> None:
        """Store what waits."""
        with self._lock:
            self._store()

    def _store(self) -> None:
        lines, self._lines = b"".join(self._lines), []
        if not lines:
            return
        self._stored = time.monotonic()
        with contextlib.suppress(Exception):  # whatever the place says: the work goes on
            if self._local:
                path = location(f"{self._path}.jsonl")
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "ab") as file:
                    file.write(lines)
            else:
                self._number += 1
                storage.create(f"{self._path}-{self._number:04}.jsonl", lines)


def _line(fields: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a name of a file that is no UTF-8, or a number of more than 64 bits
        return json.dumps(fields, default=str).encode() + b"\n"
