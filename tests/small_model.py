"""A real model for tests that take minutes: SmolLM2-135M-Instruct, which the package index has."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT


def small_model() -> Path:
    """The model's folder, where `make demo MODEL=smollm2` has it; it is made if it is not there. Skips the test without vLLM."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    folder = ROOT / ".venv" / "models" / "SmolLM2-135M-Instruct"
    if not (folder / "config.json").exists():
        subprocess.run([sys.executable, str(ROOT / "infra" / "smollm2.py"), str(folder)], check=True, timeout=600)
    return folder
