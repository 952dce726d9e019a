"""The whole pipeline: its stages in their order, each doing only what is not there yet."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from rephrase import storage
from rephrase.errors import UserError
from rephrase.settings.paths import FastTextModel, InputFiles, paths_in
from rephrase.spark.stages.base import Redo, Stage, Tables
from rephrase.spark.stages.declarations.dedup import Dedup, DedupDocuments
from rephrase.spark.stages.declarations.filter import Filter
from rephrase.spark.stages.declarations.mix import Mix
from rephrase.spark.stages.declarations.rewrite import Rewrite
from rephrase.spark.stages.declarations.screen import Screen
from rephrase.spark.stages.declarations.shard import Shard

if TYPE_CHECKING:
    from rephrase.config.run import Run
    from rephrase.spark.runtime.session import LazySession

STAGES: tuple[Stage, ...] = (Shard(), Screen(), DedupDocuments(), Rewrite(), Filter(), Dedup(), Mix())
"""In the order in which a run goes through them."""


def commands() -> dict[str, list[Stage]]:
    """The stages that each command runs, by its name."""
    by_name: dict[str, list[Stage]] = {}
    for stage in STAGES:
        by_name.setdefault(stage.table.maker, []).append(stage)
    return by_name


def run_all(run: Run, spark: LazySession, *, retry_errors: bool = False, replace: bool = False) -> None:
    """All stages in order. What can be checked without work is checked before any starts.

    `retry_errors` and `replace`: see `Redo`. Raises `UserError` from any stage.
    """
    check(run, here=spark.is_local)
    for stage in STAGES:
        if stage.table.is_on(run):
            stage.run(run, spark, Redo(replaced=replace, errors=retry_errors))


def run_stage(command: str, run: Run, spark: LazySession, *, retry_errors: bool = False, replace: bool = False) -> None:
    """The stages of one command. With `replace` verdicts, duplicates among them and mixtures of another config are made again."""
    stages = commands()[command]
    configured = [stage for stage in stages if stage.table.is_configured(run)]
    if not configured:
        from rephrase.spark.runtime.progress import console

        sections = " and no ".join(f"`{stage.table.section}`" for stage in stages)
        console.print(f"{command}: the config has no {sections}, all texts stay")
    for stage in configured:
        if stage.table is Tables.MIXTURE:
            check_inputs(stage, run)
        stage.run(run, spark, Redo(replaced=replace, errors=retry_errors))


def check_inputs(stage: Stage, run: Run) -> None:
    """Raise a `UserError` where a stage would read verdicts, or duplicates among them, of another config: a whole run would refuse them."""
    from rephrase.spark.stages.ledger import check_made_by

    for earlier in STAGES:
        if earlier.table in stage.reads and earlier.table.replaceable and earlier.table.is_on(run):
            check_made_by(earlier.table.folder(run.output), earlier.table, functools.partial(earlier.meaning, run))


def fasttext_models(run: Run) -> list[str]:
    """The fastText models that the run's stages apply."""
    checks = [check for section in (run.screen, run.filter) if section for check in section.checks or ()]
    sections = [section for check in checks for _, section in check.sections()]
    return list(dict.fromkeys(path for section in (*sections, run) for path in paths_in(section, FastTextModel)))


def check(run: Run, *, here: bool = False) -> None:
    """Everything that a later stage would refuse, found in the first second: recipes, checks, engine, tokenizer, output, input.

    `here`: whether tasks run on this machine, so that what they need must be there.
    """
    from classifiers.cascade import build_cascade
    from classifiers.fasttext.model import check_exists
    from rephrase.generation.fits import check_fits
    from rephrase.recipes.catalogue import recipes_of
    from rephrase.spark.runtime.gpus import configured_gpus, configured_tasks
    from rephrase.text.tokenizer import Tokenizer

    recipes = recipes_of(run.recipes)
    Tokenizer.load(run.tokenizer)
    grounded = next((recipe.name for recipe in recipes if recipe.rows is None), None)
    if run.input is None and grounded:
        raise UserError(f"the recipe `{grounded}` works on documents, and the run has no `input`", where="recipes", cure="name files there")
    for pattern in paths_in(run, InputFiles):
        storage.expand(pattern)
    storage.check_writable(run.output)
    for model in fasttext_models(run):
        if here or not storage.is_local(model):  # a cluster's executors may have files that the driver lacks
            check_exists(model)
    if run.screen is not None:
        from rephrase.spark.stages.screen import screening

        screening(run)
    build_cascade(run.filter)
    engines = run.all_engines
    engines.check(here=here)
    check_fits(recipes, engines)
    gpus = configured_gpus(run)
    for settings in engines.by_name.values() if gpus else ():
        settings.check_gpus(gpus or 0, configured_tasks(run))
