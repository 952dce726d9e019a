"""The rewrite stage: documents to generations, one step of a recipe after the other, on every engine of the cluster.

Run alone with `rephrase rewrite run.yaml` or `spark-submit jobs/rewrite.py run.yaml`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.engines.recording import files_of
from rephrase.generation.fits import check_fits
from rephrase.names import GenerationsName
from rephrase.notes import GenerationsNote
from rephrase.recipes.base import Recipe
from rephrase.recipes.catalogue import recipes_of
from rephrase.recipes.condition import Condition
from rephrase.spark.runtime.gpus import discovery_script, rewrite_profile
from rephrase.spark.runtime.progress import StageProgress, console
from rephrase.spark.runtime.units import Unit, pending, run_units
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import folders_of, require
from rephrase.spark.stages.ledger import claim, described, remove_stage, stage_note
from rephrase.spark.stages.meaning import Defaults, Each, Meaning, defaults_of, plain
from rephrase.spark.stages.rewrite.fitting import tell_unfit
from rephrase.spark.stages.rewrite.pace import Pace
from rephrase.spark.stages.rewrite.plan import ANSWERS, RewriteUnit, by_place, plan, tasks_of, weights_of
from rephrase.spark.stages.rewrite.rows import Source, sources_of
from rephrase.spark.stages.rewrite.stats import write_units
from rephrase.spark.stages.rewrite.task import rewrite_units
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession


def rewrite_stage(run: Run, spark: LazySession, *, retry_errors: bool = False) -> None:
    """Make `<output>/generations` from `<output>/documents`. Resumes; returns at once where all is there.

    `retry_errors` also asks again for all rows that ended in an error; what was judged and mixed of those units is removed.
    Raises `UserError` for a missing documents table, recipes that fit no document, an engine that does not start, and a folder that belongs
    to another config.
    """
    recipes = recipes_of(run.recipes)
    run.engine.check(here=spark.is_local)
    check_fits(recipes, run.engine)
    for path in run.rewrite.reuse:
        files_of(path)
    sources = sources_of(run, recipes)
    folder = Tables.GENERATIONS.folder(run.output)
    meaning = meaning_of(run, recipes)
    tell_unfit(run, recipes)
    claim(folder, Tables.GENERATIONS, meaning)
    if run.engine.notice:
        console.print(f"rewrite: {run.engine.notice}")
    for level in range(max(len(recipe.steps) for recipe in recipes)):
        _run_level(run, spark, recipes, level, sources, folder)
        if retry_errors:
            _retry_level(run, spark, recipes, level, sources, folder)
    storage.remove_folder(storage.join(run.output, ANSWERS))  # of tasks that another did as well
    _write_stats(run, folder)


def _write_stats(run: Run, folder: str) -> None:
    """Keep the notes of all units as a table, `<output>/stats/rewrite.parquet`."""
    path = storage.join(run.output, "stats", "rewrite.parquet")
    newest = max(file.modified for file in storage.list_files(folder))
    if not storage.exists(path) or any(file.modified < newest for file in storage.list_files(storage.join(run.output, "stats"))):
        write_units(run, path)


def meaning_of(run: Run, recipes: Sequence[Recipe]) -> Meaning:
    """What the generations depend on. Raises `UserError` where documents are not screened as the config says."""
    grounded = any(recipe.rows is None for recipe in recipes)
    dropped = require(run, Tables.DOCUMENTS) if grounded else {}
    shard = stage_note(Tables.DOCUMENTS.folder(run.output))["digest"] if grounded else None
    when = {recipe.name: asdict(recipe.when) for recipe in recipes if recipe.when is not None}
    content = {
        "documents": shard,
        "model": run.engine.model_name,
        **run.engine.meaning,
        "tokenizer": os.path.basename(run.tokenizer.rstrip("/")),
        "recipes": {recipe.name: recipe.digest for recipe in recipes},
        **({"when": when} if when else {}),
        **dropped,
    }
    engine_defaults = {key: value for key, value in defaults_of(type(run.engine)).values.items() if key in run.engine.meaning}
    explained = {
        "documents": described(Tables.DOCUMENTS.folder(run.output)),
        "recipes": {recipe.name: recipe.description for recipe in recipes},
    }
    return Meaning(content, Defaults(engine_defaults, {"when": Each(Defaults(plain(asdict(Condition()))))}), explained)


def planned_units(run: Run) -> list[Unit[RewriteUnit]]:
    """The units of all steps, as far as they are known: a step that fans out is cut by what the step before it left behind.

    Raises `UserError` if a recipe needs documents and the shard stage has not finished.
    """
    recipes = recipes_of(run.recipes)
    sources = sources_of(run, recipes)
    folder = Tables.GENERATIONS.folder(run.output)
    levels = range(max(len(recipe.steps) for recipe in recipes))
    return [unit for level in levels for unit in plan(recipes, level, sources, folder, run.rewrite.prompts_per_unit)]


def _run_level(run: Run, spark: LazySession, recipes: Sequence[Recipe], level: int, sources: Sequence[Source], folder: str) -> None:
    units = plan(recipes, level, sources, folder, run.rewrite.prompts_per_unit)
    todo = pending(units, folder)
    title = _title(recipes, level, units)
    if not todo:
        console.print(f"{title}: all {len(units)} units are there already, nothing to do")
        return
    progress = StageProgress(title, folder, len(units), len(units) - len(todo), Pace(), weights=weights_of(units))
    _run(run, spark, recipes, todo, progress)


def _retry_level(run: Run, spark: LazySession, recipes: Sequence[Recipe], level: int, sources: Sequence[Source], folder: str) -> None:
    """Make the units again that have rows with errors, or whose earlier step was made again since."""
    units = plan(recipes, level, sources, folder, run.rewrite.prompts_per_unit)
    there = tables.objects(folder)
    notes = {footer.path: footer.note for footer in tables.footers(there, GenerationsNote)}
    paths_by_place = by_place(there)
    again = []
    for unit in units:
        note = notes[unit.output]
        rounds = sum(notes[path].round for _, paths in unit.payload.earlier for path in paths)
        if note.errors or note.earlier_rounds != rounds:
            kept = tuple(paths_by_place[GenerationsName.of(unit.output).place])
            again.append(Unit(unit.output, replace(unit.payload, round=note.round + 1, kept=kept)))
    title = f"{_title(recipes, level, units)}, errors again"
    if not again:
        console.print(f"{title}: no row has one, nothing to do")
        return
    spark.get()  # before anything goes: a cluster that is not there must cost nothing
    for unit in again:  # before the unit itself, so that nothing stale is left by a crash
        storage.delete(storage.join(Tables.JUDGED.folder(run.output), storage.name_of(unit.output)))
    for table in (Tables.DUPLICATE_GENERATIONS, Tables.MIXTURE):
        remove_stage(table.folder(run.output))
    replaced = {unit.output: notes[unit.output] for unit in again}
    progress = StageProgress(title, folder, len(again), 0, Pace(), weights=weights_of(again), replaced=replaced)
    _run(run, spark, recipes, again, progress)


def _run(run: Run, spark: LazySession, recipes: Sequence[Recipe], units: Sequence[Unit[RewriteUnit]], progress: StageProgress) -> None:
    session = spark.get()
    work = functools.partial(
        rewrite_units,
        engine_config=run.engine,
        recipes=tuple(recipes),
        tokenizer=run.tokenizer,
        settings=run.rewrite,
        output=run.output,
        gpu_script=discovery_script(session, run.rewrite),
        drops=folders_of(run, Tables.DOCUMENTS),
    )
    folder = Tables.GENERATIONS.folder(run.output)
    with progress:
        run_units(session, tasks_of(units, recipes), work, folder, progress, rewrite_profile(session, run.rewrite))


def _title(recipes: Sequence[Recipe], level: int, units: Sequence[Unit[RewriteUnit]]) -> str:
    names = sorted({recipes[unit.payload.recipe].steps[level].name for unit in units})
    return f"rewrite ({', '.join(names)})" if level else "rewrite"
