"""What a problem is, and where it comes from: a task, its level and parameters, a seed and a number give the same problem everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from rephrase.records import content_id

_SEEDS = 1 << 31


@dataclass(frozen=True, slots=True)
class Place:
    """Which problem it is. `parameters` replace those that the level gives, by their names."""

    task: str  # "arithmetic/chain_sum"
    level: int
    seed: int
    index: int
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def draw(self, *more: str) -> int:
        """A number in [0, 2**31) that is a fixed function of the task, its level, parameters and seed, and of what else is given."""
        parts = (self.task, str(self.level), self.written_parameters, str(self.seed), *more)
        return int(content_id(*parts)[:12], 16) % _SEEDS

    @property
    def written_parameters(self) -> str:
        """The parameters as canonical JSON."""
        return orjson.dumps(dict(self.parameters), option=orjson.OPT_SORT_KEYS).decode()


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its right answer. Other answers may be right as well, if the task's verifier says so."""

    place: Place
    question: str
    answer: str
    solution: str = ""  # worked out step by step, where the task can
