"""Buoys that drift, and where they are by now."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Buoy:
    name: str
    places: list[tuple[float, float]] = field(default_factory=list)

    def drift(self, course: float, miles: float) -> tuple[float, float]:
        x, y = self.places[-1] if self.places else (0.0, 0.0)
        angle = math.radians(course)
        self.places.append((x + miles * math.sin(angle), y + miles * math.cos(angle)))
        return self.places[-1]

    @property
    def drifted(self) -> float:
        pairs = zip(self.places, self.places[1:], strict=False)
        return sum(math.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairs)


def farthest(buoys: list[Buoy]) -> str:
    if not buoys:
        raise ValueError("no buoys")
    best = max(buoys, key=lambda buoy: buoy.drifted)
    return f"{best.name!r} drifted {best.drifted:.1f} miles"
