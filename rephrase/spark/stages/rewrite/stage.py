"""The rewrite stage: documents to generations, one step of a recipe after the other, on every engine of the cluster.

Run alone with `rephrase rewrite run.yaml` or `spark-submit jobs/rewrite.py run.yaml`.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rephrase import storage
from rephrase.engines.recording import files_of
from rephrase.generation.fits import check_fits
from rephrase.generation.rounds import Round, holder_of, rounds
from rephrase.lakehouse.journal import check_unshared
from rephrase.live.words import there_already
from rephrase.mixing.originals import originals_notice
from rephrase.mixing.unmixed import unmixed_notice
from rephrase.notes import DocumentsNote, GenerationsNote
from rephrase.recipes.base import Recipe
from rephrase.recipes.catalogue import recipes_of
from rephrase.spark.runtime.gpus import discovery_script, rewrite_profile
from rephrase.spark.runtime.progress import StageProgress, console
from rephrase.spark.runtime.units import Unit, run_units
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.dropped import folders_of
from rephrase.spark.stages.ledger import claim, remove_stage
from rephrase.spark.stages.rewrite.about import about_round, jobs_in_words
from rephrase.spark.stages.rewrite.budget import Purse
from rephrase.spark.stages.rewrite.context import with_sized_engines
from rephrase.spark.stages.rewrite.fitting import tell_unfit
from rephrase.spark.stages.rewrite.meaning import meaning_of
from rephrase.spark.stages.rewrite.pace import Pace
from rephrase.spark.stages.rewrite.paths import make_paths
from rephrase.spark.stages.rewrite.plan import plan
from rephrase.spark.stages.rewrite.planned import Planned, RewriteUnit
from rephrase.spark.stages.rewrite.rows import Source, sources_of
from rephrase.spark.stages.rewrite.stats import refresh_units
from rephrase.spark.stages.rewrite.task import rewrite_units
from rephrase.spark.stages.rewrite.tasks import ANSWERS, tasks_of, weights_of
from rephrase.spark.stages.trials import generations_to_reuse, notes_of_all
from rephrase.storage import tables

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession
    from rephrase.spark.stages.meaning import Meaning


def rewrite_stage(run: Run, spark: LazySession, *, retry_errors: bool = False) -> None:
    """Make `<output>/generations` from `<output>/documents`. Resumes; returns at once where all is there.

    `retry_errors` also asks again for all rows that ended in an error; what was judged and mixed of those units is removed.
    Raises `UserError` for a missing documents table, recipes that fit no document, an engine that does not start, and a folder that belongs
    to another config.
    """
    recipes, engines = recipes_of(run.recipes), run.all_engines
    engines.check(here=spark.is_local)
    check_fits(recipes, engines)
    for path in run.rewrite.reuse:
        files_of(path)
    sources = sources_of(run, recipes)
    folder = Tables.GENERATIONS.folder(run.output)
    meaning = meaning_of(run, recipes)
    tell_unfit(run, recipes)
    claim(folder, Tables.GENERATIONS, meaning)
    run = _with_trials(run, meaning)
    run = with_sized_engines(run, recipes, sources)
    documents = sum(footer.note.tokens for source in sources for footer in source.footers if isinstance(footer.note, DocumentsNote))
    is_mixed = run.limit is None or not run.limit.stratified  # a pilot ends with its verdicts
    of_originals = originals_notice(run.mix, documents) if is_mixed else None
    for notice in filter(None, (unmixed_notice(run.mix, [recipe.name for recipe in recipes]), of_originals)):
        console.print(f"rewrite: {notice}", soft_wrap=True)
    for notice in engines.notices(run.filter.kinds):
        console.print(f"rewrite: {notice}")
    paths = make_paths(run, spark, recipes)
    for steps in rounds(recipes, engines):
        _run_round(run, spark, recipes, steps, sources, folder, paths)
        if retry_errors:
            _retry_round(run, spark, recipes, steps, sources, folder, paths)
    storage.remove_folder(storage.join(run.output, ANSWERS))  # of tasks that another did as well
    refresh_units(run, storage.join(run.output, "stats", "rewrite.parquet"))


def _with_trials(run: Run, meaning: Meaning) -> Run:
    """The run, which takes over what its trials have written already."""
    folders = generations_to_reuse(run, meaning)
    if not folders:
        return run
    console.print(f"rewrite: completions of {', '.join(storage.name_of(folder.rpartition('/')[0]) for folder in folders)} are taken over")
    return run.model_copy(update={"rewrite": run.rewrite.model_copy(update={"reuse": [*run.rewrite.reuse, *folders]})})


def planned_units(run: Run) -> list[Planned]:
    """The units of all rounds, as far as they are known: a step that fans out is cut by what the step before it left behind.

    Raises `UserError` if a recipe needs documents and the shard stage has not finished.
    """
    recipes = recipes_of(run.recipes)
    sources = sources_of(run, recipes)
    folder = Tables.GENERATIONS.folder(run.output)
    planned = rounds(recipes, run.all_engines)
    return [plan(recipes, steps, sources, folder, run.rewrite.prompts_per_unit) for steps in planned]


def _run_round(
    run: Run, spark: LazySession, recipes: Sequence[Recipe], steps: Round, sources: Sequence[Source], folder: str, paths: Mapping[str, str]
) -> None:
    units = plan(recipes, steps, sources, folder, run.rewrite.prompts_per_unit)
    todo = units.left()
    title = _title(run, recipes, steps)
    if not todo:
        console.print(f"{title}: {there_already(len(units))}")
        return
    about = about_round(recipes, steps, sources, run.all_engines, some_dropped=bool(folders_of(run, Tables.DOCUMENTS)))
    pace = _pace(run, len(todo))
    progress = StageProgress(title, folder, len(units), len(units) - len(todo), pace, weights=units.weights, about=about)
    _run(run, spark, recipes, steps, todo, progress, pace, jobs_in_words(todo.numbers, units, recipes), paths)
    if isinstance(pace, Purse) and (left := plan(recipes, steps, sources, folder, run.rewrite.prompts_per_unit).left()):
        raise pace.error(len(left))


def _retry_round(
    run: Run, spark: LazySession, recipes: Sequence[Recipe], steps: Round, sources: Sequence[Source], folder: str, paths: Mapping[str, str]
) -> None:
    """Make the units again that have rows with errors, or whose earlier step was made again since."""
    units = plan(recipes, steps, sources, folder, run.rewrite.prompts_per_unit)
    marks = _marks(folder)
    again, numbers = [], []
    for number, unit in enumerate(units):
        mark = marks.get(unit.output, _NO_MARK)
        rounds = sum(marks.get(path, _NO_MARK).round for _, paths in unit.payload.earlier for path in paths)
        if mark.has_errors or mark.earlier_rounds != rounds:
            again.append(Unit(unit.output, replace(unit.payload, round=mark.round + 1, kept=units.kept(unit))))
            numbers.append(number)
    title = f"{_title(run, recipes, steps)}, errors again"
    if not again:
        console.print(f"{title}: no row has one, nothing to do")
        return
    remade = (Tables.GENERATIONS, Tables.JUDGED, Tables.DUPLICATE_GENERATIONS, Tables.MIXTURE)
    check_unshared(run.output, *(table.path for table in remade))
    spark.get()  # before anything goes: a cluster that is not there must cost nothing
    for unit in again:  # before the unit itself, so that nothing stale is left by a crash
        storage.delete(storage.join(Tables.JUDGED.folder(run.output), storage.name_of(unit.output)))
    for table in (Tables.DUPLICATE_GENERATIONS, Tables.MIXTURE):
        remove_stage(table.folder(run.output))
    replaced = {footer.path: footer.note for footer in tables.footers([unit.output for unit in again], GenerationsNote)}
    pace = Pace()  # what is there keeps its place: a budget cannot end it half way
    progress = StageProgress(title, folder, len(again), 0, pace, weights=weights_of(again), replaced=replaced)
    _run(run, spark, recipes, steps, again, progress, pace, jobs_in_words(np.array(numbers), units, recipes), paths)


class _Mark(NamedTuple):
    """What the note of an object says of rounds for errors."""

    has_errors: bool
    round: int
    earlier_rounds: int


_NO_MARK = _Mark(has_errors=False, round=0, earlier_rounds=0)


def _marks(folder: str) -> dict[str, _Mark]:
    """Of the objects that are there, those that have something to tell of it."""
    footers = tables.footers(tables.objects(folder), GenerationsNote)
    each = ((footer.path, _Mark(footer.note.errors > 0, footer.note.round, footer.note.earlier_rounds)) for footer in footers)
    return {path: mark for path, mark in each if mark != _NO_MARK}


def _pace(run: Run, left: int) -> Pace:
    """What follows the work, and ends it where the run has a budget. Raises `UserError` where that is spent."""
    if run.budget is None:
        return Pace()
    purse = Purse(run, notes_of_all(run))
    if purse.would_be_spent(0, 0):
        raise purse.error(left)
    return purse


def _run(
    run: Run,
    spark: LazySession,
    recipes: Sequence[Recipe],
    steps: Round,
    units: Sequence[Unit[RewriteUnit]],
    progress: StageProgress,
    pace: Pace,
    about: str,
    paths: Mapping[str, str],
) -> None:
    progress.begin()
    session = spark.get()
    work = functools.partial(
        rewrite_units,
        engines=run.all_engines,
        recipes=tuple(recipes),
        tokenizer=run.tokenizer,
        settings=run.rewrite,
        output=run.output,
        gpu_script=discovery_script(session, run.rewrite),
        drops=folders_of(run, Tables.DOCUMENTS),
        paths=paths,
        edition=uuid.uuid4().hex,
        kept=_kept(run.output),
    )
    folder = Tables.GENERATIONS.folder(run.output)
    profile = rewrite_profile(session, run.rewrite) if _needs_gpus(run, recipes, steps) else None
    with progress:
        is_enough = pace.would_be_spent if isinstance(pace, Purse) else None
        tasks = tasks_of(units, recipes)
        run_units(session, tasks, work, folder, progress, profile, about=about, is_enough=is_enough, in_a_row=tasks.in_a_row)


def _kept(output: str) -> frozenset[str]:
    """The tasks of which answers are kept."""
    folder = storage.join(output, ANSWERS)
    return frozenset(file.path[len(folder) + 1 :].split("/", 1)[0] for file in storage.list_files(folder))


def _needs_gpus(run: Run, recipes: Sequence[Recipe], steps: Round) -> bool:
    """Whether the tasks of a round ask for GPUs: not those of endpoints alone, beside an engine that holds some in other rounds."""
    engines = run.all_engines
    return holder_of(recipes, steps, engines) is not None or not any(engine.holds_devices for engine in engines.by_name.values())


def _title(run: Run, recipes: Sequence[Recipe], steps: Round) -> str:
    engines = run.all_engines
    names = sorted({recipes[index].steps[step].name for index, step in steps.items()})
    if not engines.are_several:
        return f"rewrite ({', '.join(names)})" if any(steps.values()) else "rewrite"
    asked = dict.fromkeys(engines.name(recipes[index].engine_of(recipes[index].steps[step])) for index, step in steps.items())
    return f"rewrite ({', '.join(names)} by {', '.join(asked)})"
