"""How busy GPUs are: told where NVIDIA's library tells, and left out anywhere else."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from rephrase.spark.runtime.gpu_busy import gpu_busy


def library(busy: dict[object, int]) -> SimpleNamespace:
    """A stand-in for pynvml, which needs a GPU: a device is known by its number or its UUID."""
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda number: busy[number],
        nvmlDeviceGetHandleByUUID=lambda uuid: busy[uuid],
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=handle),
    )


def test_it_is_the_mean_of_the_executors_own_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", library({0: 90, 3: 50, b"GPU-4e": 10}))
    assert gpu_busy(("0", "3")) == 0.7
    assert gpu_busy(("GPU-4e",)) == 0.1


def test_nothing_is_told_without_gpus_and_where_the_library_fails(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", library({}))
    assert gpu_busy(()) is None
    assert gpu_busy(("0",)) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_busy(("0",)) is None
