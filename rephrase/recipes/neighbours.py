"""Documents that name the same things: neighbours for recipes that need two documents.

Found among the documents of one unit of work, which a machine holds in memory, by the rare names that they share: a name in one
document alone joins nothing, one in many joins everything.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from rephrase.recipes.base import Row

NAME = re.compile(r"(?<![.!?:\n]\s)(?<!^)\b[A-Z][\w'’-]+(?:\s+(?:of\s+|the\s+|de\s+|van\s+)?[A-Z][\w'’-]+)*")
"""A capitalised name that does not begin a sentence."""
_MOST_SHARED = 50  # documents that a name may stand in; above, it says too little
_LEAST = 1  # shared names


def names_of(text: str) -> set[str]:
    """Capitalised names that do not begin a sentence, in lower case."""
    return {" ".join(name.split()).lower() for name in NAME.findall(text)}


def with_neighbours(rows: Sequence[Row], most: int) -> list[Row]:
    """The rows, each with up to `most` others that share rare names with it, nearest first. Depends on the rows alone."""
    names = [names_of(row.document.text) for row in rows]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, row_names in enumerate(names):
        for name in row_names:
            holders[name].append(number)
    weights = {name: math.log(1 + len(rows) / len(numbers)) for name, numbers in holders.items() if 1 < len(numbers) <= _MOST_SHARED}
    near = []
    for number, row in enumerate(rows):
        shared: dict[int, list[float]] = defaultdict(list)
        for name in sorted(names[number] & weights.keys()):
            for other in holders[name]:
                if other != number:
                    shared[other].append(weights[name])
        totals = {other: sum(rarities) for other, rarities in shared.items() if len(rarities) >= _LEAST}
        ranked = sorted((-total, rows[other].document.id, other) for other, total in totals.items())
        near.append(replace(row, neighbours=tuple(rows[other].document for _, _, other in ranked[:most])))
    return near
