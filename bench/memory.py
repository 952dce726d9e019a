"""The resident memory of this process and its descendants, by kind: driver, JVMs and Python workers."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self


class Peak:
    """Watches the resident memory of this process's descendants: the largest of each kind, in MB."""

    def __init__(self) -> None:
        self.megabytes: dict[str, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.3):
            parents = {pid: _stat(pid) for pid in (int(name) for name in os.listdir("/proc") if name.isdigit())}
            for pid in parents:
                if kind := _kind(pid, parents):
                    self.megabytes[kind] = max(self.megabytes.get(kind, 0.0), _resident(pid))


def _stat(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text[text.rindex(")") + 2 :].split()[1])


def _kind(pid: int, parents: dict[int, int]) -> str | None:
    above = pid
    while above and above != os.getpid():
        above = parents.get(above, 0)
    if not above:
        return None
    if pid == os.getpid():
        return "driver"
    try:
        name, command = Path(f"/proc/{pid}/comm").read_text().strip(), Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return None
    if "CoarseGrainedExecutorBackend" in command:
        return "executor's JVM"
    return "jvm" if name == "java" else "worker" if "pyspark" in command else None


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0
