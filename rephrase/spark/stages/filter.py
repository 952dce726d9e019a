"""The filter stage: a verdict and all scores for every generation; nothing is thrown away. GPUs are used by encoders alone.

Run alone with `rephrase filter run.yaml` or `spark-submit jobs/filter.py run.yaml`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from classifiers.cascade import Cascade, build_cascade
from classifiers.fasttext.labeller import Labeller
from classifiers.judging import Asked, documents_by_id, judged_rows
from rephrase import storage
from rephrase.generation.step_run import NO_MODEL
from rephrase.live.words import there_already
from rephrase.notes import GenerationsNote, JudgedNote
from rephrase.recipes.base import Recipe
from rephrase.recipes.catalogue import recipes_of
from rephrase.records import KEEP
from rephrase.spark.runtime.account import Sums
from rephrase.spark.runtime.progress import StageProgress, console
from rephrase.spark.runtime.units import Unit, pending, run_units
from rephrase.spark.stages.base import Tables
from rephrase.spark.stages.encoders import encoder_profile
from rephrase.spark.stages.ledger import claim, described, replace_other, stage_note
from rephrase.spark.stages.meaning import Checks, Defaults, Meaning
from rephrase.spark.stages.rewrite.meaning import models_of_texts
from rephrase.spark.stages.run_tables import objects_of
from rephrase.spark.stages.unit_notes import rejections
from rephrase.storage import tables
from rephrase.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

_TRIAL_ROWS = 64  # enough that checks load what they need


def filter_stage(run: Run, spark: LazySession, *, replace: bool = False) -> None:
    """Make `<output>/judged` from `<output>/generations`. Resumes; returns at once where all is there.

    `replace` removes the verdicts of another config, once those of this one are known to be possible. Raises `UserError` for a missing
    generations table, unknown checks, and models that do not load.
    """
    cascade = build_cascade(run.filter)
    folder = Tables.JUDGED.folder(run.output)
    paths = objects_of(run.output, Tables.GENERATIONS)
    recipes = recipes_of(run.recipes)
    meaning = meaning_of(run, cascade, recipes)
    units = [Unit(storage.join(folder, storage.name_of(path)), path) for path in paths]
    models = models_of_texts(run, recipes)
    asked = Asked.by(recipes)
    labeller = Labeller(run.filter.labels) if run.filter.labels else None
    work = functools.partial(filter_unit, output=run.output, cascade=cascade, tokenizer=run.tokenizer, asked=asked, models=models)
    work = functools.partial(work, labeller=labeller)
    if replace:
        replace_other(folder, Tables.JUDGED, meaning, lambda: _try(run, units, functools.partial(work, trial=True), spark))
    claim(folder, Tables.JUDGED, meaning)
    todo = pending(units, folder)
    if not todo:
        console.print(f"filter: {there_already(len(units))}")
        return
    with StageProgress("filter", folder, len(units), len(units) - len(todo), Sums(JudgedNote, _progress)) as progress:
        session = spark.get()
        run_units(session, todo, work, folder, progress, encoder_profile(session, run, run.filter))


def meaning_of(run: Run, cascade: Cascade, recipes: Sequence[Recipe]) -> Meaning:
    """What the verdicts on the rewrites by these recipes depend on."""
    content = {
        "generations": stage_note(Tables.GENERATIONS.folder(run.output))["digest"],
        "checks": cascade.describe(),
        "tokenizer": storage.name_of(run.tokenizer),
        **({"labels": Labeller(run.filter.labels).describe()} if run.filter.labels else {}),
    }
    explained = {"generations": described(Tables.GENERATIONS.folder(run.output))}
    return Meaning(content, Defaults(below={"checks": Checks([recipe.name for recipe in recipes])}), explained)


def _try(run: Run, units: Sequence[Unit[str]], trial: Callable[[Unit[str]], None], spark: LazySession) -> None:
    """Raise `UserError` where a task would: as tables are missing or damaged, or by what an executor alone can tell, such as a model."""
    footers = tables.footers((unit.payload for unit in units), GenerationsNote)
    tables.check_readable({storage.join(run.output, footer.note.rows_path) for footer in footers})
    session = spark.get()
    profile = encoder_profile(session, run, run.filter)
    run_units(session, units[:1], trial, Tables.JUDGED.folder(run.output), profile=profile)


def filter_unit(
    unit: Unit[str],
    *,
    output: str,
    cascade: Cascade,
    tokenizer: str,
    asked: Asked,
    models: Mapping[str, Mapping[str, str]],
    labeller: Labeller | None = None,
    trial: bool = False,
) -> None:
    """The work of one Spark task: judge one object of generations and create the object of verdicts; of a trial a few rows, and nothing."""
    note = tables.footer(unit.payload, GenerationsNote).note
    generations = tables.read(unit.payload)
    generations = generations.slice(0, _TRIAL_ROWS) if trial else generations
    if several := models.get(note.recipe, {}).get(note.step):
        generations = _by_several(generations, several)
    sources = tables.read(storage.join(output, note.rows_path), row_group=note.row_group)
    judged = judged_rows(generations, documents_by_id(sources, id="id"), cascade, Tokenizer.load(tokenizer), asked, labeller)
    if trial:
        return
    verdicts = Counter(judged.column("verdict").to_pylist())
    kept_tokens = sum(judged.column("n_tokens").to_pylist()) if judged.num_rows else 0
    about = JudgedNote(
        recipe=note.recipe,
        step=note.step,
        judged=judged.num_rows,
        kept=verdicts[KEEP],
        kept_tokens=kept_tokens,
        verdicts=dict(verdicts),
    )
    tables.commit(unit.output, judged, about)


def _by_several(generations: pa.Table, models: str) -> pa.Table:
    """The rows with the models of their texts instead of the one that answered last; where none was asked, it stays so."""
    column = generations.column("model")
    named = pc.if_else(pc.equal(column, NO_MODEL), column, models)
    return generations.set_column(generations.schema.get_field_index("model"), "model", named)


def _progress(sums: JudgedNote, seconds: float) -> str:
    often = rejections(sums.verdicts, 3)
    why = f" (rejected most: {often})" if often else ""
    return f"{sums.judged:,} judged, {sums.kept:,} kept{why}, {sums.judged / max(seconds, 0.001):,.0f}/s" if sums.judged else ""
