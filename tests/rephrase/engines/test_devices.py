"""The GPUs of a machine, by what nvidia-smi prints: a script in its place prints what the real one did on such machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephrase.engines.devices import described, gpus_here, visible_gpus
from rephrase.errors import UserError


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that puts a script in the place of nvidia-smi."""

    def write(script: str) -> None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return write


def test_gpus_are_told_by_kind(smi):
    lines = ["NVIDIA H100 80GB HBM3, 570.86.15, 81559, 4"] * 2 + ["NVIDIA A100-SXM4-40GB, 570.86.15, 40960, 40000"]
    smi("\n".join(f"echo '{line}'" for line in lines))
    gpus = gpus_here()
    assert [gpu.used_mib for gpu in gpus] == [4, 4, 40000]
    assert described(gpus) == "2 × NVIDIA H100 80GB HBM3 (80 GiB), 1 × NVIDIA A100-SXM4-40GB (40 GiB), driver 570.86.15"


def test_memory_that_is_the_hosts_is_not_told(smi):
    smi("echo 'NVIDIA GB10, 580.95.05, [N/A], [N/A]'")
    assert [(gpu.name, gpu.memory_mib) for gpu in gpus_here()] == [("NVIDIA GB10", 0)]
    assert described(gpus_here()) == "1 × NVIDIA GB10, driver 580.95.05"


def test_a_driver_that_fails_is_told(smi):
    smi("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9")
    with pytest.raises(UserError, match="could not communicate with the NVIDIA driver") as raised:
        gpus_here()
    assert "driver" in raised.value.cure


def test_a_machine_without_a_driver_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus_here() == []


def test_the_gpus_that_a_process_may_use_are_those_of_cuda_where_it_names_some(smi, monkeypatch):
    smi("printf 'A, 1, 80, 0\\nB, 1, 80, 0\\n'")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7,")
    assert visible_gpus() == ("3", "GPU-7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == ()
