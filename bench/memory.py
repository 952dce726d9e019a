"""The resident memory of this process and its descendants, by kind: driver, JVMs and Python workers; and their processor time."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self


class Peak:
    """Watches the resident memory of this process's descendants: the largest of each kind, in MB; and the processor time of all."""

    def __init__(self) -> None:
        self.megabytes: dict[str, float] = {}
        self._before: dict[int, float] = {}
        self._used: dict[int, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._before = dict(self._used)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()

    @property
    def processor(self) -> float:
        """Seconds of processors since the beginning, but for the last third of a second of processes that ended."""
        return sum(used - self._before.get(pid, 0.0) for pid, used in self._used.items())

    def _watch(self) -> None:
        while not self._end.wait(0.3):
            self._look()

    def _look(self) -> None:
        stats = {pid: _stat(pid) for pid in (int(name) for name in os.listdir("/proc") if name.isdigit())}
        parents = {pid: parent for pid, (parent, _) in stats.items()}
        for pid in parents:
            if kind := _kind(pid, parents):
                self.megabytes[kind] = max(self.megabytes.get(kind, 0.0), _resident(pid))
                self._used[pid] = stats[pid][1]


def _stat(pid: int) -> tuple[int, float]:
    """The parent of a process, and the seconds of processors that it used."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0, 0.0
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
