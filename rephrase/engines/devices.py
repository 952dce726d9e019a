"""The GPUs of this machine, as NVIDIA's driver tells of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from rephrase.errors import UserError

_QUERY = "name,driver_version,memory.total,memory.used"
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. Memory in MiB."""

    name: str
    driver: str
    memory_mib: int
    used_mib: int


def gpus_here() -> list[Gpu]:
    """All GPUs that nvidia-smi shows; none where there is no nvidia-smi. Raises `UserError` where it fails."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    arguments = [command, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(arguments, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603  # the driver's own
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"nvidia-smi does not answer: {error}", where="GPUs", cure=_CURE) from error
    if told.returncode:
        reason = (told.stderr or told.stdout).strip().splitlines()
        raise UserError(f"nvidia-smi fails: {reason[-1] if reason else 'without a word'}", where="GPUs", cure=_CURE)
    return [_gpu(line) for line in told.stdout.splitlines() if line.count(",") == _QUERY.count(",")]


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as CUDA names them. Raises `UserError` like `gpus_here`."""
    variable = os.environ.get("CUDA_VISIBLE_DEVICES")
    if variable is not None:
        return tuple(name for word in variable.split(",") if (name := word.strip()))
    return tuple(str(number) for number in range(len(gpus_here())))


_CURE = "install or restart NVIDIA's driver on this machine; in a container, start it with its GPUs (docker run --gpus all)"


def _gpu(line: str) -> Gpu:
    name, driver, total, used = (part.strip() for part in line.split(","))
    # Machines whose GPUs share the host's memory tell `[N/A]`.
    return Gpu(name, driver, int(total) if total.isdigit() else 0, int(used) if used.isdigit() else 0)


def described(gpus: list[Gpu]) -> str:
    """The GPUs in a few words: `8 × NVIDIA H100 80GB HBM3 (80 GiB), driver 570.86`."""
    kinds = {(gpu.name, gpu.memory_mib): 0 for gpu in gpus}
    for gpu in gpus:
        kinds[gpu.name, gpu.memory_mib] += 1
    parts = [f"{count} × {name}" + (f" ({memory / 1024:.0f} GiB)" if memory else "") for (name, memory), count in kinds.items()]
    return ", ".join(parts) + (f", driver {gpus[0].driver}" if gpus else "")
