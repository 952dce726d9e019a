"""Mixtures of the literature, by presets.yaml beside this file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def presets() -> dict[str, Any]:
    """The mixtures by name: what they are, their paper, and the keys of `mix` that they stand for."""
    loaded: dict[str, Any] = yaml.safe_load((files("rephrase.mixing") / "presets.yaml").read_text(encoding="utf-8"))
    return loaded
