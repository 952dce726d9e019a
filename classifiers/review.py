"""Verdicts for people to look at: a sample of a judged table as JSON lines and as a page to mark it on."""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson

from rephrase import storage
from rephrase.errors import UserError
from rephrase.records import INTERMEDIATE, content_id
from rephrase.storage import tables

_GROUPS = ("verdict", "recipe", "step", "source", "language", "model", "license")
_COLUMNS = ["id", "recipe", "step", "document_id", "verdict", "scores", "source"]
_PLACE = "/*ROWS*/"


@dataclass(frozen=True, slots=True)
class ReviewFiles:
    """What `export` wrote."""

    page: str
    data: str
    rows: int
    groups: int


def export(judged: str, output: str, *, number: int = 100, by: Sequence[str] = ("verdict", "recipe")) -> ReviewFiles:
    """Draw `number` rows of the `judged` folder and write `output`, an HTML page, and the rows beside it as `.jsonl`.

    Groups are the values of the columns `by`. Each gives equally many rows, or all that it has; what it lacks the others give. Which rows
    is fixed by their ids. Texts come from the objects of the same name in the `generations` folder beside; a row that has none shows
    the raw completion. All reading is bounded by one object at a time.

    Raises `UserError` for unknown columns, a missing table, and an object without its generations.
    """
    wrong = [name for name in by if name not in _GROUPS]
    if wrong or not by:
        raise UserError(f"cannot group by `{', '.join(wrong)}`", where="by", cure=f"columns: {', '.join(_GROUPS)}")
    if number < 1:
        raise UserError(f"{number} rows", where="number", cure="give at least 1")
    if not output.endswith(".html"):
        raise UserError("the page is an .html file", where=output, cure="for example -o review.html")
    groups = _candidates(judged, number, by)
    sample = _evenly_drawn(groups, number)
    rows = _rows(judged, sample)
    data = output.removesuffix(".html") + ".jsonl"
    storage.put(data, b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    storage.put(output, _page(rows).encode())
    return ReviewFiles(output, data, len(rows), len(groups))


_Candidate = tuple[str, str, str]  # what orders it, the object, the id


def _candidates(judged: str, number: int, by: Sequence[str]) -> list[list[_Candidate]]:
    """The first `number` rows of each group, in an order that is random but depends on nothing but the ids."""
    paths = tables.objects(judged)
    if not paths:
        raise UserError("there is no judged table", where=judged, cure="give the `judged` folder of a run, after its filter stage")
    groups: dict[tuple[Any, ...], list[_Candidate]] = {}
    for path in paths:
        rows_by_group: dict[tuple[Any, ...], list[_Candidate]] = {}
        for row in tables.read(path, sorted({"id", "verdict", *by})).to_pylist():
            if row["verdict"] != INTERMEDIATE:
                rows_by_group.setdefault(tuple(row[name] for name in by), []).append((content_id("review", row["id"]), path, row["id"]))
        for key, candidates in rows_by_group.items():
            groups[key] = heapq.nsmallest(number, [*groups.get(key, ()), *candidates])
    if not groups:
        raise UserError("the judged table has no rows to look at", where=judged, cure="run more documents")
    return list(groups.values())


def _evenly_drawn(groups: list[list[_Candidate]], number: int) -> list[_Candidate]:
    ranks = sorted((rank, candidate) for group in groups for rank, candidate in enumerate(group))
    return sorted(candidate for _, candidate in ranks[:number])  # the first of every group, then the second of every group, …


def _rows(judged: str, sample: list[_Candidate]) -> list[dict[str, Any]]:
    generations = storage.join(os.path.dirname(judged.rstrip("/")), "generations")
    ids_by_path: dict[str, set[str]] = {}
    for _, path, row_id in sample:
        ids_by_path.setdefault(path, set()).add(row_id)
    rows: dict[str, dict[str, Any]] = {}
    for path, ids in ids_by_path.items():
        sibling = storage.join(generations, storage.name_of(path))
        if not storage.exists(sibling):
            raise UserError("the generations of this object are missing", where=sibling, cure=f"put the folder beside {judged}")
        texts = {row["id"]: row["text"] or row["completion"] for row in tables.read(sibling, ["id", "text", "completion"]).to_pylist()}
        for row in tables.read(path, _COLUMNS).to_pylist():
            if row["id"] in ids:
                rows[row["id"]] = row | {"scores": dict(row["scores"]), "text": texts.get(row["id"]) or ""}
    return [rows[row_id] for _, _, row_id in sample]


def _page(rows: list[dict[str, Any]]) -> str:
    template = resources.files(__package__).joinpath("review.html").read_text("utf-8")
    entries = [{"id": row["id"], "recipe": row["recipe"], "text": row["text"]} for row in rows]
    data = json.dumps(entries, ensure_ascii=True).replace("<", "\\u003c")  # a text must not end the script that holds it
    return template.replace(_PLACE, data)
