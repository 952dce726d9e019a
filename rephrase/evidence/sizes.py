"""Proxy models by size, and how they are trained, by sizes.yaml beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from rephrase.errors import UserError
from rephrase.settings.nearest import nearest


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a proxy model."""

    name: str
    hidden: int
    intermediate: int
    layers: int
    heads: int

    @property
    def parameters(self) -> int:
        """Those beside the embeddings."""
        return self.layers * (4 * self.hidden**2 + 3 * self.hidden * self.intermediate)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a training goes. batch: tokens of a step. warmup: a share of the steps; end: of the peak learning rate."""

    batch: int
    learning_rate: float
    betas: tuple[float, float]
    weight_decay: float
    clip: float
    warmup: float
    end: float


@cache
def _table() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((files("rephrase.evidence") / "sizes.yaml").read_text(encoding="utf-8"))
    return loaded


def sizes() -> dict[str, Size]:
    """All sizes by name."""
    return {name: Size(name, **shape) for name, shape in _table()["sizes"].items()}


def size_named(name: str) -> Size:
    """The size of this name. Raises `UserError` where there is none."""
    if name not in sizes():
        raise UserError(f"there is no proxy model of size `{name}`", where="--size", cure=nearest(name, list(sizes())))
    return sizes()[name]


def schedule_of(size: Size, tokens: int, batch: int | None = None, learning_rate: float | None = None) -> Schedule:
    """The schedule of a training on so many tokens. `batch` tokens a step and the peak learning rate are those given, if they are."""
    table = _table()
    scale = size.parameters / 108e6
    usual = table["batch"]["base"] * scale ** table["batch"]["power"]
    if batch is None:
        batch = round(max(table["least_batch"], min(usual, tokens / table["least_steps"])))
    if learning_rate is None:
        learning_rate = table["learning_rate"]["base"] * scale ** table["learning_rate"]["power"] * min(1.0, batch / usual) ** 0.5
    return Schedule(batch, learning_rate, tuple(table["betas"]), table["weight_decay"], table["clip"], table["warmup"], table["end"])
