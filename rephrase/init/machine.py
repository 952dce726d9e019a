"""What this machine has: cores, memory and GPUs."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from rephrase.engines.devices import Gpu, described, gpus_here
from rephrase.errors import UserError

_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)  # of a container, as both versions of cgroups name it
_LEAST, _MOST, _PART = 1, 8, 8  # GiB of Spark's JVM, which only schedules: an eighth of the memory, ours


@dataclass(frozen=True, slots=True)
class Machine:
    """Cores that this process may use, memory in bytes, and GPUs."""

    cores: int
    memory: int
    gpus: list[Gpu]

    @classmethod
    def here(cls) -> Machine:
        """The machine that we are on. GPUs whose driver does not answer are none: `rephrase doctor` tells of it."""
        gpus: list[Gpu] = []
        with contextlib.suppress(UserError):
            gpus = gpus_here()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has no such call
        return cls(cores, _memory(), gpus)

    @property
    def gpu_gib(self) -> float:
        """The memory of the smallest GPU in GiB; 0 without any."""
        return min((gpu.memory_mib / 1024 for gpu in self.gpus), default=0.0)

    @property
    def driver_gib(self) -> int:
        """What Spark's JVM may take of the memory, in GiB."""
        return max(_LEAST, min(_MOST, self.memory // (1 << 30) // _PART))

    @property
    def executor(self) -> dict[str, int]:
        """An executor for each GPU, with its part of the cores; of a machine without GPUs, as one with GPUs might be."""
        return {"gpus": 1, "cores": max(1, self.cores // len(self.gpus)) if self.gpus else 4}

    def __str__(self) -> str:
        gpus = described(self.gpus) if self.gpus else "no GPU"
        return f"{self.cores} core{'s' if self.cores > 1 else ''}, {self.memory / (1 << 30):.0f} GiB of memory, {gpus}"


def _memory() -> int:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # `max` is no limit
            whole = min(whole, int(Path(path).read_text()))
    return whole
