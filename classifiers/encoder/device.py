"""Where an encoder runs: on the GPU that Spark gave the task, on the one that is there outside of Spark, or on the CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

CPU = "cpu"
_of_task: list[Sequence[str]] = []  # at most one: the addresses of the GPUs of the Spark task that this process works on


def use_gpus(addresses: Sequence[str]) -> None:
    """Say which GPUs the Spark task has that this process works on; none leaves its encoders to the CPU."""
    _of_task[:] = [tuple(addresses)]


def device() -> str:
    """Torch's name of the device for an encoder: the first GPU of a task, outside of Spark the first that there is, else the CPU.

    Addresses are those of CUDA_VISIBLE_DEVICES, where it is set, and otherwise numbers or UUIDs of the machine's GPUs.
    """
    if _of_task and not _of_task[0]:
        return CPU
    try:
        import torch
    except ImportError:  # ONNX Runtime does without
        return CPU
    gpus = torch.cuda.device_count()
    if not gpus:
        return CPU
    return f"cuda:{_place(_of_task[0][0], gpus, torch)}" if _of_task else "cuda:0"


def _place(address: str, gpus: int, torch: Any) -> int:
    visible = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if address in visible:
        return visible.index(address)
    if address.isdecimal():
        return int(address)
    names = [f"GPU-{torch.cuda.get_device_properties(number).uuid}" for number in range(gpus)]
    return next(number for number, name in enumerate(names) if name.startswith(address))
