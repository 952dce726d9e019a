"""How busy GPUs are, where NVIDIA's library is there to tell."""

from __future__ import annotations

import importlib
from collections.abc import Sequence


def gpu_busy(addresses: Sequence[str]) -> float | None:
    """The mean share (0 to 1) of the last moment in which these GPUs computed; None without GPUs, or where nothing tells.

    By NVML through `pynvml` (of the package nvidia-ml-py), which comes with most installations of PyTorch for GPUs.
    """
    if not addresses:
        return None
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handles = [_handle(nvml, address) for address in addresses]
        busy = [float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in handles]
    except Exception:  # noqa: BLE001  # no library, no driver, a device in parts that counts nothing: nothing is told
        return None
    return sum(busy) / len(busy) / 100


def _handle(nvml: object, address: str) -> object:
    by_number = address.isdigit()
    find = getattr(nvml, "nvmlDeviceGetHandleByIndex" if by_number else "nvmlDeviceGetHandleByUUID")
    return find(int(address) if by_number else address.encode())
