"""A seeded sample of rows: equally many of each group, in memory that grows with the sample and the groups alone."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rephrase.records import content_id

Group = TypeVar("Group", bound=Hashable)

_TRIM = 4  # times the wanted rows that are held before what cannot be drawn any more is let go


@dataclass(slots=True)
class Sample(Generic[Group]):
    """Takes in rows, and draws `number` of them: the first of every group, then the second of every group, and so on.

    The order within a group is random, and depends on nothing but the seed and the ids: the same rows are drawn whatever order they come
    in, and however they are spread over objects.
    """

    number: int
    seed: int
    counts: dict[Group, int] = field(default_factory=dict)
    """Rows of each group that were taken in."""
    _drawn: dict[Group, list[tuple[str, str, str]]] = field(default_factory=dict)

    def add(self, path: str, ids: Iterable[str], groups: Iterable[Group]) -> None:
        """Take in rows of one object, with the group of each."""
        fresh: dict[Group, list[tuple[str, str, str]]] = {}
        for row_id, group in zip(ids, groups, strict=True):
            fresh.setdefault(group, []).append((content_id("report", str(self.seed), row_id), path, row_id))
        for group, rows in fresh.items():
            self.counts[group] = self.counts.get(group, 0) + len(rows)
            self._drawn.setdefault(group, []).extend(rows)
        if sum(map(len, self._drawn.values())) > _TRIM * self.number:
            self._trim()

    def drawn(self) -> dict[str, dict[str, float]]:
        """By object, the ids of the rows that are drawn, each with how many rows of its group it stands for."""
        self._trim()
        ranked = sorted((rank, *row, group) for group, rows in self._by_name() for rank, row in enumerate(rows))
        chosen = ranked[: self.number]
        names = {str(group): group for group in self._drawn}
        sizes: dict[str, int] = {}
        for *_, group in chosen:
            sizes[group] = sizes.get(group, 0) + 1
        result: dict[str, dict[str, float]] = {}
        for _, _, path, row_id, group in chosen:
            result.setdefault(path, {})[row_id] = self.counts[names[group]] / sizes[group]
        return result

    def _by_name(self) -> list[tuple[str, list[tuple[str, str, str]]]]:
        return [(str(group), rows) for group, rows in self._drawn.items()]

    def _trim(self) -> None:
        """Let go what lies deeper than any row that will be drawn: groups only grow, so that the depth only falls."""
        self._drawn = {group: heapq.nsmallest(self.number, rows) for group, rows in self._drawn.items()}
        depth, open_groups, left = 0, sorted(map(len, self._drawn.values())), self.number
        while open_groups and left > 0:
            step = max(1, min(open_groups[0] - depth, left // len(open_groups)))
            depth, left = depth + step, left - step * len(open_groups)
            open_groups = [size for size in open_groups if size > depth]
        self._drawn = {group: rows[: max(depth, 1)] for group, rows in self._drawn.items()}
