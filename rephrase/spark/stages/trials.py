"""Trials: a run on some of its documents, in `<output>/trials/NAME`, whose completions the run on all of them takes over.

A trial is a run like any other in a folder of its own, so that a limit binds no table of the run on all documents. What both ask is asked
once: the rewrite stage looks the requests of the later one up in the generations of the trials, as it does with `rewrite.reuse`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from rephrase import storage
from rephrase.config.run import TRIALS, Limit
from rephrase.errors import UserError
from rephrase.labels import with_labels
from rephrase.names import DocumentsName
from rephrase.notes import DocumentsNote, GenerationsNote
from rephrase.spark.runtime.progress import console
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.drawing import Candidate, Drawn, draw
from rephrase.spark.stages.dropped import DONE, folders_of, require, without_dropped
from rephrase.spark.stages.ledger import claim, note_of
from rephrase.spark.stages.meaning import Meaning
from rephrase.spark.stages.run_tables import documents_of
from rephrase.spark.stages.shard.plan import input_of
from rephrase.spark.stages.shard.row_groups import RowGroups
from rephrase.spark.stages.unit_notes import unit_notes
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

_SAMPLE = "_sample.json"  # beside the documents of a trial: the strata that they were drawn from
_OBJECT = 20_000  # documents of an object
_GROUPS = 8  # units of each recipe at least, so that several executors have work
_OTHERS = ("documents", "recipes", "when", "screened", "duplicates", "tokenizer")  # which do not change what a model answers to a request


def begin_trial(run: Run, spark: LazySession) -> Run:
    """The trial of a run with a limit, its documents drawn; the run itself where it has no limit. Resumes.

    Raises `UserError` where the documents of the whole run are not there, or not screened as the config says.
    """
    trial = drawn(run)
    if trial is run or trial.input is None:
        return trial
    if trial.dedup is not None and not storage.exists(storage.join(Tables.DUPLICATE_DOCUMENTS.folder(trial.output), DONE)):
        from rephrase.spark.stages.dedup.stage import find_duplicates

        find_duplicates(trial, spark, Tables.DOCUMENTS)
    return trial


def drawn(run: Run) -> Run:
    """The trial of a run with a limit, with its documents; the run itself without one. Raises what `begin_trial` does."""
    trial = run.trial()
    if trial is not run and trial.input is not None:
        _draw(run, trial)
    return trial


def _draw(run: Run, trial: Run) -> None:
    assert run.limit is not None
    paths, folder = documents_of(run), Tables.DOCUMENTS.folder(trial.output)
    of = {"documents": note_of(Tables.DOCUMENTS.folder(run.output))["digest"], **require(run, Tables.DOCUMENTS)}
    before = note_of(folder).get("meaning", {})
    if before.get("of") == of and len(tables.objects(folder)) == before["files"]["count"]:
        return
    drops = folders_of(run, Tables.DOCUMENTS)
    strata = draw(_candidates(paths, drops), run.limit)
    chosen = pa.array([id_ for stratum in strata for id_ in stratum.ids], pa.string())
    if not len(chosen):
        raise UserError("no document is left to draw from", where=Tables.DOCUMENTS.folder(run.output), cure="change `screen` or the input")
    files = -(-len(chosen) // _OBJECT)
    claim(folder, Tables.DOCUMENTS, Meaning({"of": of, "limit": run.limit.model_dump(mode="json"), "files": {"count": files}}))
    storage.put(storage.join(folder, _SAMPLE), orjson.dumps([asdict(stratum) for stratum in strata]))
    console.print(f"{run.limit.name}: {len(chosen):,} documents are drawn, of {sum(stratum.size for stratum in strata):,.0f}")
    _write(_rows(paths, drops, chosen), folder, input_of(run).tokens_per_unit)


def _candidates(paths: list[str], drops: tuple[str, ...]) -> Iterator[Candidate]:
    for path in paths:
        rows = without_dropped(tables.read(path, ["id", "source", "n_tokens"]), path, drops)
        columns = (rows.column(name).to_pylist() for name in ("id", "source", "n_tokens"))
        yield from (Candidate(id_, source or "", tokens or 0) for id_, source, tokens in zip(*columns, strict=True))


def _rows(paths: list[str], drops: tuple[str, ...], chosen: pa.Array) -> Iterator[pa.Table]:
    for path in paths:
        for group in tables.read_row_groups(path):
            rows = group.filter(pc.is_in(group.column("id"), chosen))
            if rows.num_rows:
                yield with_labels(without_dropped(rows, path, drops))  # beside a table that an earlier version made


def _write(rows: Iterator[pa.Table], folder: str, tokens_per_unit: int) -> None:
    """Store the documents of a trial as objects of so many, each with row groups as small as a trial's units are to be."""
    waiting: list[pa.Table] = []
    number = 0

    def store(table: pa.Table) -> None:
        nonlocal number
        tokens = sum(table.column("n_tokens").to_pylist())
        groups = RowGroups(max(1, min(tokens_per_unit, tokens // _GROUPS)))
        groups.add(table)
        groups.flush()
        note = DocumentsNote(documents=table.num_rows, tokens=tokens, row_group_tokens=tuple(groups.tokens))
        groups.writer.commit(storage.join(folder, str(DocumentsName(number))), note)
        number += 1

    for table in rows:
        waiting.append(table)
        while sum(part.num_rows for part in waiting) >= _OBJECT:
            whole = pa.concat_tables(waiting)
            store(whole.slice(0, _OBJECT))
            waiting = [whole.slice(_OBJECT)]
    if rest := [part for part in waiting if part.num_rows]:
        store(pa.concat_tables(rest))


def strata_of(trial: Run) -> list[Drawn]:
    """The strata that the documents of a trial were drawn from. Raises FileNotFoundError where none were, `UserError` for another file."""
    path = storage.join(Tables.DOCUMENTS.folder(trial.output), _SAMPLE)
    cure = f"remove {trial.output}, or give the trial another seed"
    try:
        strata = [Drawn(float(stratum["size"]), tuple(map(str, stratum["ids"]))) for stratum in orjson.loads(storage.read(path))]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError("not what a trial has noted of its documents", where=path, cure=cure) from error
    if not strata:
        raise UserError("a trial has noted no documents", where=path, cure=cure)
    return strata


def trials_of(run: Run) -> list[str]:
    """The names of the trials of a run that have begun to write."""
    folder = storage.join(run.whole, TRIALS)
    start = len(folder.rstrip("/")) + 1
    parts = [file.path[start:].split("/") for file in storage.list_files(folder) if file.path.endswith(".parquet")]
    return sorted({name for name, table, *_ in parts if table == Tables.GENERATIONS.path})


def generations_to_reuse(run: Run, meaning: Meaning) -> list[str]:
    """The generations of a run's trials, but its own, whose models were asked as this run asks them."""
    folders = []
    for name in trials_of(run):
        folder = Tables.GENERATIONS.folder(storage.join(run.whole, TRIALS, name))
        if folder != Tables.GENERATIONS.folder(run.output):
            note = note_of(folder)
            if note and _asked(meaning.spelled_out(note["meaning"])) == _asked(meaning.spelled_out()):
                folders.append(folder)
    return folders


def _asked(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in _OTHERS}


def trial_named(run: Run, name: str) -> Run | None:
    """The trial of a run whose folder has this name; None for a folder that no limit names."""
    kind, _, rest = name.partition("-")
    documents, _, seed = rest.partition("-seed-")
    if kind not in ("limit", "pilot"):
        return None
    try:
        limit = Limit(documents=int(documents), seed=int(seed or 1), stratified=kind == "pilot")
    except ValueError:
        return None
    if limit.name != name:  # ours have one name each
        return None
    return run.all_documents().model_copy(update={"limit": limit}).trial()


def notes_of(run: Run) -> list[GenerationsNote]:
    """The notes of the units of a run, or of a trial, in the order of their objects."""
    return unit_notes(run.output, Tables.GENERATIONS, GenerationsNote)


def notes_of_all(run: Run) -> list[GenerationsNote]:
    """The notes of what a run and its trials have done so far."""
    trials = [trial for name in trials_of(run) if (trial := trial_named(run, name))]
    return [note for one in (run.all_documents(), *trials) for note in notes_of(one)]
