"""What a row asks for: a kind of request, the functions that it is about, and those that are declared."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rephrase.recipes.tools.functions import Function
from rephrase.records import content_id

CALLING = ("single", "multiple", "parallel", "parallel_multiple")
"""Kinds that are answered by calls."""
SEVERAL = ("parallel", "parallel_multiple")
"""Those of several calls."""
KINDS = (*CALLING, "none_fits", "missing_argument")
ALONE = ("single", "parallel")
"""Those for which one function is declared."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A kind of request, the functions that it is about, and those that are declared, in the order in which they stand in prompts."""

    kind: str
    wanted: tuple[Function, ...]
    declared: tuple[Function, ...]
    missing: str = ""
    """The required argument that the request leaves out."""
    manner: str = ""
    """How the request is written."""

    def find(self, name: str) -> Function | None:
        """The declared function of this name."""
        return next((function for function in self.declared if function.name == name), None)


@dataclass(frozen=True, slots=True)
class Drawing:
    """From what rows draw. The same key draws the same on every machine."""

    functions: tuple[Function, ...]
    kinds: tuple[tuple[str, float], ...]
    """Kinds with their weights."""
    declared: tuple[int, int]
    """The fewest and the most functions that are declared where there is more than one."""
    manners: tuple[str, ...]

    def draw(self, key: str) -> Draw:
        """What a row asks for."""
        dice = random.Random(content_id("tools", key))  # not a secret
        kind = dice.choices([name for name, _ in self.kinds], [weight for _, weight in self.kinds])[0]
        pool: Sequence[Function] = self.functions
        if kind == "missing_argument":
            pool = [function for function in pool if function.required]
        wanted = dice.sample(list(pool), min(2, len(pool)) if kind == "parallel_multiple" else 1)
        missing = dice.choice(wanted[0].required) if kind == "missing_argument" else ""
        others = [function for function in self.functions if function not in wanted]
        number = 1 if kind in ALONE else dice.randint(*self.declared)
        shown = [] if kind == "none_fits" else wanted  # what would serve the request is not there
        declared = [*shown, *dice.sample(others, min(len(others), max(0, number - len(shown))))]
        dice.shuffle(declared)
        return Draw(kind, tuple(wanted), tuple(declared), missing, dice.choice(self.manners))

    def describe(self) -> object:
        """All that draws depend on, as JSON values; of functions a digest, as their words may stand in training texts."""
        functions = content_id(*(part for function in self.functions for part in (function.declaration, function.result or "")))
        return [functions, [list(kind) for kind in self.kinds], list(self.declared), list(self.manners)]

    def shown(self) -> dict[str, object]:
        """The same for people, without the functions."""
        fewest, most = self.declared
        return {"shares of kinds": dict(self.kinds), "functions declared": f"{fewest} to {most}", "manners": list(self.manners)}


def weights(kinds: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Kinds that have a weight, in the order in which they are documented."""
    return tuple((name, float(kinds[name])) for name in KINDS if kinds.get(name))
