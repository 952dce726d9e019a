"""Rows of a run for people to read: a sample of all recipes and verdicts, each beside its passage, and the measures of more of them.

All reading is bounded by one object, or one row group of documents, at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers.rejudge import score_arrays
from rephrase import storage
from rephrase.errors import UserError
from rephrase.names import GenerationsName
from rephrase.notes import GenerationsNote
from rephrase.records import INTERMEDIATE, KEEP
from rephrase.report.differences import Differences, differences
from rephrase.report.sample import Sample
from rephrase.spark.stages.base import Tables
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run

MEASURED = 20_000
"""Rows whose scores and lengths stand for all rows of a run, drawn evenly among them."""

_JUDGED = ["id", "recipe", "step", "verdict", "source"]
_GENERATION = ["id", "document_id", "span_start", "span_end", "model", "finish_reason", "prompt_tokens", "completion_tokens", "seed"]
_LENGTHS = ["id", "span_start", "span_end", "completion_tokens", "text"]
_GENERATION += ["key", "text", "completion", "fields", "error", "reasoning"]


@dataclass(frozen=True, slots=True)
class Row:
    """A generation beside what it was made from."""

    id: str
    recipe: str
    step: str
    verdict: str
    source: str | None
    weight: float
    """How many rows of its recipe and verdict it stands for."""
    passage: str
    text: str
    is_raw: bool
    """Whether the text is the completion as the model wrote it, as nothing could be taken from it."""
    scores: dict[str, float]
    about: dict[str, Any]
    """Further columns of the generation, and of its document."""
    differences: Differences


@dataclass(slots=True)
class Measured:
    """Scores and lengths of rows drawn evenly among all of a run, by column."""

    recipe: list[str] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)
    completion_tokens: list[int] = field(default_factory=list)
    passage_characters: list[int] = field(default_factory=list)
    text_characters: list[int | None] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    """By name, as long as the other columns; NaN where a row lacks one."""

    def of(self, values: list[Any], recipe: str | None = None, *, kept: bool | None = None) -> np.ndarray[Any, Any]:
        """Numbers of a column, without those that are not there, of one recipe, and of the kept or rejected rows alone."""
        numbers: np.ndarray[Any, Any] = np.array(values, float)  # None becomes NaN
        chosen = ~np.isnan(numbers)
        if recipe is not None:
            chosen &= np.array(self.recipe) == recipe
        if kept is not None:
            chosen &= np.array(self.kept) == kept
        return np.asarray(numbers[chosen])


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a run's rows."""

    rows: list[Row]
    measured: Measured
    counts: dict[tuple[str, str], int]
    """All rows by recipe and verdict, from which those were drawn."""

    @property
    def total(self) -> int:
        """All rows that the sample could be drawn from."""
        return sum(self.counts.values())


def read_rows(run: Run, number: int, seed: int = 0) -> Reading:
    """Draw `number` rows, equally many of each recipe and verdict, and measure `MEASURED` drawn evenly.

    Rows that only prepare others are left out. Raises `UserError` where generations or documents of verdicts are gone.
    """
    shown: Sample[tuple[str, str]] = Sample(number, seed)
    evenly: Sample[str] = Sample(MEASURED, seed)
    for path in tables.objects(Tables.JUDGED.folder(run.output)):
        judged = tables.read(path, ["id", "recipe", "verdict"])
        judged = judged.filter(pc.not_equal(judged.column("verdict"), INTERMEDIATE))
        ids = judged.column("id").to_pylist()
        shown.add(path, ids, zip(judged.column("recipe").to_pylist(), judged.column("verdict").to_pylist(), strict=True))
        evenly.add(path, ids, ["all"] * len(ids))
    drawn, even = shown.drawn(), evenly.drawn()
    measured = Measured()
    rows: list[Row] = []
    # Row groups of documents one after the other, so that each is read once.
    for path in sorted(drawn.keys() | even.keys(), key=lambda path: (GenerationsName.of(path).place.documents, *_place(path))):
        wanted = drawn.get(path, {})
        generations = _generations(run, path, _GENERATION if wanted else _LENGTHS)
        judged = _only(tables.read(path, [*_JUDGED, "scores"]), wanted.keys() | even.get(path, {}).keys())
        _measure(judged, generations, even.get(path, {}).keys(), measured)
        if wanted:
            rows += _rows(run, path, judged, generations, wanted)
    rows.sort(key=lambda row: (row.recipe, row.verdict != KEEP, row.verdict, row.id))
    return Reading(rows, measured, shown.counts)


def read_rows_of(run: Run, ids: set[str]) -> Iterator[Row]:
    """The rows with these ids, as far as the run has them."""
    for path in tables.objects(Tables.JUDGED.folder(run.output)):
        wanted = ids.intersection(tables.read(path, ["id"]).column("id").to_pylist())
        if wanted:
            judged = _only(tables.read(path, [*_JUDGED, "scores"]), wanted)
            yield from _rows(run, path, judged, _generations(run, path, _GENERATION), dict.fromkeys(wanted, 1.0))


def _place(path: str) -> tuple[int, str]:
    name = GenerationsName.of(path)
    return name.place.row_group, str(name)


def _generations(run: Run, path: str, columns: Sequence[str]) -> pa.Table:
    """What the verdicts of an object are about."""
    sibling = storage.join(Tables.GENERATIONS.folder(run.output), storage.name_of(path))
    if not storage.exists(sibling):
        raise UserError("the generations of these verdicts are missing", where=sibling, cure="restore the `generations` folder")
    with tables.opened(sibling) as file:
        names = [name for name in columns if name in file.schema_arrow.names]  # an earlier version may lack one
        return file.read(names, use_threads=False)


def _only(table: pa.Table, ids: Any) -> pa.Table:
    return table.filter(pc.is_in(table.column("id"), pa.array(sorted(ids), pa.string())))


def _measure(judged: pa.Table, generations: pa.Table, ids: Any, measured: Measured) -> None:
    if not ids:
        return
    part = _only(judged, ids)
    lengths = pc.utf8_length(generations.column("text"))
    spans = pc.subtract(generations.column("span_end"), generations.column("span_start"))
    columns = (generations.column("completion_tokens"), lengths, spans)
    by_id = dict(zip(generations.column("id").to_pylist(), zip(*(c.to_pylist() for c in columns), strict=True), strict=True))
    before = len(measured.recipe)
    for row_id, recipe, verdict in zip(*(part.column(name).to_pylist() for name in ("id", "recipe", "verdict")), strict=True):
        tokens, characters, span = by_id[row_id]
        measured.recipe.append(recipe)
        measured.kept.append(verdict == KEEP)
        measured.completion_tokens.append(tokens or 0)
        measured.text_characters.append(characters)
        measured.passage_characters.append(span)
    for name, values in score_arrays(part).items():
        measured.scores.setdefault(name, [float("nan")] * before).extend(values.tolist())
    for column in measured.scores.values():
        column.extend([float("nan")] * (len(measured.recipe) - len(column)))


def _rows(run: Run, path: str, judged: pa.Table, generations: pa.Table, weights: dict[str, float]) -> Iterator[Row]:
    note = tables.footer(storage.join(Tables.GENERATIONS.folder(run.output), storage.name_of(path)), GenerationsNote).note
    written = {row["id"]: row for row in _only(generations, weights.keys()).to_pylist()}
    documents = _documents(run, note, {row["document_id"] for row in written.values()})
    for row in _only(judged, weights.keys()).to_pylist():
        generation = written[row["id"]]
        document = documents.get(generation["document_id"]) or {"text": ""}
        passage = (document["text"] or "")[generation["span_start"] : generation["span_end"]]
        text = generation["text"] if generation["text"] is not None else generation["completion"] or ""
        yield Row(
            id=row["id"],
            recipe=row["recipe"],
            step=row["step"],
            verdict=row["verdict"],
            source=row["source"],
            weight=weights[row["id"]],
            passage=passage,
            text=text,
            is_raw=generation["text"] is None,
            scores={name: value for name, value in row["scores"] if value is not None},
            about=_about(generation, document),
            differences=differences(passage, text),
        )


def _about(generation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in _GENERATION if name not in ("id", "text", "completion", "span_start", "span_end")]
    about = {name: generation.get(name) for name in names}
    about |= {name: document.get(name) for name in ("url", "language", "license")}
    about["labels"] = "  ".join(f"{name}: {value}" for name, value in document.get("labels") or ())
    return {name: value for name, value in about.items() if value not in (None, "")}


def _documents(run: Run, note: GenerationsNote, ids: set[str]) -> dict[str, dict[str, Any]]:
    path = storage.join(run.output, note.rows_path)
    if not storage.exists(path):
        raise UserError("the documents of these generations are missing", where=path, cure="restore the folder that it stands in")
    with tables.opened(path) as file:
        part = file.read_row_group(note.row_group, ["id", "text", "url", "language", "license", "labels"], use_threads=False)
    return {row["id"]: row for row in _only(part, ids).to_pylist()}
