"""Several runs side by side: what differs in their settings, what they made, how varied it is, and the same passages rewritten by each."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from rephrase import storage
from rephrase.config.published import published
from rephrase.errors import UserError
from rephrase.notes import GenerationsNote
from rephrase.records import content_id
from rephrase.report.cost import Cost, cost_of
from rephrase.report.diversity import diversity_of
from rephrase.report.figures import RunFigures, figures_of
from rephrase.report.rows import Row, read_rows_of
from rephrase.report.work import Work, work_of
from rephrase.settings.entries import entry_name
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.unit_notes import unit_notes
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

_CANDIDATES = 40  # passages that are looked for in all runs, for each that is shown

Key = tuple[str, int, int, str, str, str]
"""A document, a span of its text, a recipe, a step of it, and what sets the step's prompts on one span apart."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Runs side by side; sequences are in the order of the runs."""

    names: tuple[str, ...]
    figures: tuple[RunFigures, ...]
    work: tuple[Work | None, ...]
    costs: tuple[Cost, ...]
    settings: dict[str, tuple[str, ...]]
    """Keys of the config whose values differ, with these as text; empty where a run lacks it."""
    diversity: tuple[dict[str, Any], ...]
    """The originals of the first run, then the kept rewrites of each; empty where a run has none."""
    passages: tuple[tuple[Row, ...], ...]
    """Of each passage, the rewrite of each run by the same recipe."""

    def to_json(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        runs = [
            {"name": name, "time": work.to_json() if work else None, "cost": cost.to_json(), **figures.to_json()}
            for name, figures, work, cost in zip(self.names, self.figures, self.work, self.costs, strict=True)
        ]
        passages = [
            {
                "passage": rows[0].passage,
                "recipe": rows[0].recipe,
                "rewrites": [{"id": row.id, "verdict": row.verdict, "text": row.text, "scores": row.scores} for row in rows],
            }
            for rows in self.passages
        ]
        return {"runs": runs, "settings": self.settings, "diversity": list(self.diversity), "passages": passages}


def compare(runs: Mapping[str, Run], rows: int = 20, seed: int = 0, *, gpus: int | None = None, price: float | None = None) -> Compared:
    """Put runs side by side, by names that tell them apart. `rows`: passages that all of them have rewritten by the same recipe.

    `price`: of a GPU hour, by default that of each run's budget. `gpus`: that work at a time, tells the days for more of the same.

    Raises `UserError` for fewer than two runs, and where one has not begun.
    """
    if len(runs) < 2:
        raise UserError("one run alone is not compared", where="compare", cure="name two configs or more; `rephrase report` tells of one")
    if rows < 0:
        raise UserError(f"{rows} passages cannot be shown", where="--rows", cure="0 or more")
    notes = [unit_notes(run.output, Tables.GENERATIONS, GenerationsNote) for run in runs.values()]
    figures = tuple(figures_of(run, own) for run, own in zip(runs.values(), notes, strict=True))
    return Compared(
        names=tuple(runs),
        figures=figures,
        work=tuple(work_of(own) for own in notes),
        costs=tuple(cost_of(run, own, noted, price, gpus) for run, own, noted in zip(runs.values(), figures, notes, strict=True)),
        settings=_differing([published(run, exclude={"output"}) for run in runs.values()]),
        diversity=tuple(_diversity(list(runs.values()), figures)),
        passages=tuple(_passages(list(runs.values()), figures, rows, seed)) if rows else (),
    )


def _differing(configs: Sequence[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    flat = [dict(_flat(config)) for config in configs]
    keys = dict.fromkeys(itertools.chain.from_iterable(flat))
    values = {key: tuple(one.get(key, "") for one in flat) for key in keys}
    return {key: several for key, several in values.items() if len(set(several)) > 1}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys with their values as text. Entries of lists are named by what they are, so that one more moves no other."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            name = _entry_name(inner) or str(place)
            settings = inner.get(name, inner) if isinstance(inner, dict) else "yes"  # `- length: {…}`, or `- {use: …, options: …}`
            yield from _flat(settings, f"{path}.{name}")
    else:
        yield path, str(value)


def _entry_name(entry: Any) -> str:
    if isinstance(entry, dict):
        return entry_name(entry) or (next(iter(entry)) if len(entry) == 1 else "")
    return str(entry)


def _diversity(runs: Sequence[Run], figures: Sequence[RunFigures]) -> list[dict[str, Any]]:
    if not figures[0].documents.documents or not all(one.total.kept_tokens for one in figures):
        return []
    folders = [Tables.DOCUMENTS.folder(runs[0].output), *(Tables.JUDGED.folder(run.output) for run in runs)]
    return diversity_of(folders)


def _passages(runs: Sequence[Run], figures: Sequence[RunFigures], number: int, seed: int) -> Iterator[tuple[Row, ...]]:
    """What all runs have rewritten, drawn from the run with the fewest rows, as the others may have what it has."""
    smallest = min(range(len(runs)), key=lambda place: figures[place].total.generations)
    drawn: list[tuple[str, Key, str]] = []
    for key, row_id in _keys(runs[smallest]):
        order = content_id("compare", str(seed), *map(str, key))
        drawn.append((order, key, row_id))
        if len(drawn) > 4 * number * _CANDIDATES:
            drawn = heapq.nsmallest(number * _CANDIDATES, drawn)
    drawn = heapq.nsmallest(number * _CANDIDATES, drawn)
    wanted = {key for _, key, _ in drawn}
    ids: list[dict[Key, str]] = []
    for place, run in enumerate(runs):
        own = {key: row_id for _, key, row_id in drawn} if place == smallest else {k: i for k, i in _keys(run) if k in wanted}
        ids.append(own)
        wanted &= own.keys()
    keys = [key for _, key, _ in drawn if key in wanted][:number]
    rows = [{row.id: row for row in read_rows_of(run, {own[key] for key in keys})} for run, own in zip(runs, ids, strict=True)]
    for key in keys:
        if all(own[key] in found for own, found in zip(ids, rows, strict=True)):
            yield tuple(found[own[key]] for own, found in zip(ids, rows, strict=True))


def _keys(run: Run) -> Iterator[tuple[Key, str]]:
    """The first sample of each prompt, of rows that are texts."""
    columns = ["id", "document_id", "span_start", "span_end", "recipe", "step", "key", "sample", "text"]
    for path in tables.objects(Tables.GENERATIONS.folder(run.output)):
        if not storage.exists(storage.join(Tables.JUDGED.folder(run.output), storage.name_of(path))):
            continue
        for group in tables.read_row_groups(path, columns):
            texts = group.filter(pc.and_(pc.is_valid(group.column("text")), pc.equal(group.column("sample"), 0))).drop_columns(["text"])
            for row in texts.to_pylist():
                yield (row["document_id"], row["span_start"], row["span_end"], row["recipe"], row["step"], row["key"] or ""), row["id"]
