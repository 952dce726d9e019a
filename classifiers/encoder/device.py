"""Where an encoder runs: on the GPU that Spark gave the task, on the one that is there outside of Spark, or on the CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence

CPU = "cpu"
_of_task: list[Sequence[str]] = []  # at most one: the addresses of the GPUs of the Spark task that this process works on


def use_gpus(addresses: Sequence[str]) -> None:
    """Say which GPUs the Spark task has that this process works on; none leaves its encoders to the CPU."""
    _of_task[:] = [tuple(addresses)]


def device() -> str:
    """Torch's name of the device for an encoder. The first GPU of a task; outside of Spark the first that there is.

    Addresses are indices, or names of a kind that CUDA_VISIBLE_DEVICES takes (`GPU-…`).
    """
    if not _of_task:
        return "cuda:0" if _has_gpu() else CPU
    if not _of_task[0] or not _has_gpu():
        return CPU
    address = _of_task[0][0]
    if address.isdecimal():
        return f"cuda:{address}"
    os.environ["CUDA_VISIBLE_DEVICES"] = address  # read when CUDA starts, which `torch.cuda.device_count` does not do
    return "cuda:0"


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:  # ONNX Runtime does without
        return False
    return bool(torch.cuda.device_count())
