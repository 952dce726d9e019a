"""Groups of documents that name the same rare things, each document in one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rephrase.recipes.base import Row
from rephrase.recipes.neighbours import with_neighbours
from rephrase.records import Document

_LOOKED_AT = 3  # times as many neighbours as a group has, as some are in other groups


def near_groups(documents: Sequence[Mapping[str, Any]], most: int) -> dict[str, str]:
    """The group of each document that has near ones, by its id: the id of the document that the group began with.

    documents: rows with `id`, `text`, `language` and `license`. One after the other begins a group with its nearest documents that have
    none yet and its language and licence, up to `most` in all.
    """
    own = {row["id"]: (row["language"], row["license"]) for row in documents}
    rows = [Row(Document(row["id"], row["text"])) for row in documents]
    groups: dict[str, str] = {}
    for row in with_neighbours(rows, _LOOKED_AT * most):
        leader = row.document.id
        if leader not in groups:
            free = [near.id for near in row.neighbours if near.id not in groups and own[near.id] == own[leader]]
            groups |= dict.fromkeys([leader, *free[: most - 1]], leader) if free else {}
    return groups
