"""Bounds in settings: keys such as `min_words` and `max_words`, of which the first may not lie above the second."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rephrase.settings.yaml_text import Place

_PAIRS = (("min", "max"), ("low", "high"))


@dataclass(frozen=True, slots=True)
class Crossed:
    """Two bounds between which no value lies: where they stand, and a sentence on them."""

    low: Place
    high: Place
    what: str


def crossed(settings: Mapping[str, Any]) -> Crossed | None:
    """The first two bounds between which no value lies; None where there are no such.

    They are known by their names: `min` and `max`, `min_words` and `max_words`, `low` and `high`. Of mappings of bounds, such as those of
    several scores, the values of equal keys are compared. None leaves a side open; what is not a number is within no bounds.
    """
    for name, low in settings.items():
        for start, end in _PAIRS:
            other = end + name.removeprefix(start)
            if (name == start or name.startswith(f"{start}_")) and other in settings:
                for place, least, greatest in _values(low, settings[other]):
                    if not (-math.inf if least is None else least) <= (math.inf if greatest is None else greatest):
                        below, above = (name, *place), (other, *place)
                        what = f"{_key(below)} is {_shown(least, '-inf')} and {_key(above)} {_shown(greatest, 'inf')}"
                        return Crossed(below, above, f"{what}: nothing is between them")
    return None


def _values(low: Any, high: Any) -> Iterator[tuple[Place, float | None, float | None]]:
    both = isinstance(low, Mapping) and isinstance(high, Mapping)
    pairs = [((key,), low.get(key), high.get(key)) for key in dict.fromkeys([*low, *high])] if both else [((), low, high)]
    yield from (pair for pair in pairs if all(isinstance(bound, int | float | None) for bound in pair[1:]))


def _key(place: Place) -> str:
    return f"`{'.'.join(map(str, place))}`"


def _shown(bound: float | None, nothing: str) -> str:
    return nothing if bound is None else f"{bound:_}" if isinstance(bound, int) else f"{bound:g}"
